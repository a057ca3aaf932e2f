//! The answer to a request, as it comes.

use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    engine::request::{Completion, Event},
    error::Result,
};

/// The answer to one request. Dropping it ends the sequence.
#[derive(Debug)]
pub struct Ticket(UnboundedReceiver<Event>);

impl Ticket {
    pub(crate) fn new(events: UnboundedReceiver<Event>) -> Self {
        Self(events)
    }

    /// What happens next; nothing after the end.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }

    /// Waits for the whole completion.
    ///
    /// # Errors
    /// When the sequence failed or the engine stopped.
    pub async fn completion(mut self) -> Result<Completion> {
        let mut tokens = Vec::new();
        loop {
            match self.next().await {
                Some(Event::Token(token)) => tokens.push(token),
                Some(Event::Finished(finish)) => return Ok(Completion { tokens, finish }),
                Some(Event::Failed(error)) => return Err(error),
                None => return Err(super::stopped()),
            }
        }
    }
}
