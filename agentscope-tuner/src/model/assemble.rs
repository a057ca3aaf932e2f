//! From server-sent events to a streamed answer, whatever the protocol.

use std::collections::VecDeque;

use futures_util::{StreamExt as _, stream::try_unfold};

use super::{ChatEvent, ChatResponse, ChatStream, http::Events};
use crate::error::Result;

/// Puts the events of one answer together.
pub(super) trait Assemble: Send + 'static {
    /// Takes in the data of an event and pushes what is new in it. True after the protocol's last event.
    fn take(&mut self, data: &str, ready: &mut VecDeque<ChatEvent>) -> Result<bool>;

    /// The whole answer, or why it is none.
    fn finish(self) -> Result<ChatResponse>;
}

struct Assembly<A> {
    events: Events,
    /// Gone when the answer is complete.
    assembler: Option<A>,
    ready: VecDeque<ChatEvent>,
}

/// The answer that `assembler` makes of `events`.
pub(super) fn assembled<A: Assemble>(events: Events, assembler: A) -> ChatStream {
    let start = Assembly { events, assembler: Some(assembler), ready: VecDeque::new() };
    let next = |mut this: Assembly<A>| async move { Ok(this.next().await?.map(|event| (event, this))) };
    try_unfold(start, next).boxed()
}

impl<A: Assemble> Assembly<A> {
    async fn next(&mut self) -> Result<Option<ChatEvent>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let Some(assembler) = &mut self.assembler else { return Ok(None) };
            let complete = match self.events.next().await.transpose()? {
                Some(data) => assembler.take(&data, &mut self.ready)?,
                None => true,
            };
            if complete && let Some(assembler) = self.assembler.take() {
                let response = assembler.finish()?;
                self.ready.push_back(ChatEvent::Done(Box::new(response)));
            }
        }
    }
}
