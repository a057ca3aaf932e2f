//! An answer delivered piece by piece while it is paid and kept as a whole.

use std::task::{Context, Poll};

use futures_util::{
    StreamExt as _,
    future::BoxFuture,
    stream::{self, poll_fn},
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{Metered, ledger::Pieces};
use crate::{
    error::Result,
    model::{ChatEvent, ChatRequest, ChatResponse, ChatStream},
};

/// A call and the pieces that it sends.
struct Live {
    /// Gone when it has ended.
    call: Option<BoxFuture<'static, Result<ChatResponse>>>,
    pieces: UnboundedReceiver<ChatEvent>,
    whole: Option<Result<ChatResponse>>,
    any: bool,
}

/// The answer of `model` to `request`. An error before the first piece is returned at once.
///
/// An answer from the run's cache comes as one piece.
pub(super) async fn live(model: Metered, request: ChatRequest) -> Result<ChatStream> {
    let (sender, pieces) = unbounded_channel();
    let call = Box::pin(async move { model.answer(&request, Some::<&Pieces>(&sender)).await });
    let mut live = Live { call: Some(call), pieces, whole: None, any: false };
    let mut events = poll_fn(move |context| live.poll(context));
    match events.next().await.transpose()? {
        Some(first) => Ok(stream::iter([Ok(first)]).chain(events).boxed()),
        None => Ok(events.boxed()),
    }
}

impl Live {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<ChatEvent>>> {
        if let Some(call) = &mut self.call
            && let Poll::Ready(whole) = call.as_mut().poll(context)
        {
            self.call = None;
            self.whole = Some(whole);
        }
        // What came before the end is delivered before it.
        match self.pieces.poll_recv(context) {
            Poll::Ready(Some(piece)) => {
                self.any = true;
                Poll::Ready(Some(Ok(piece)))
            }
            _ if self.call.is_some() => Poll::Pending,
            _ => Poll::Ready(self.end()),
        }
    }

    fn end(&mut self) -> Option<Result<ChatEvent>> {
        match self.whole.take()? {
            Ok(response) if !self.any => {
                self.any = true;
                let text = response.message.text();
                self.whole = Some(Ok(response));
                Some(Ok(ChatEvent::Text(text)))
            }
            whole => Some(whole.map(|response| ChatEvent::Done(Box::new(response)))),
        }
    }
}
