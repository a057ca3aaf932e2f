//! A stream holds its place until it ends.

use futures_util::StreamExt as _;
use tracing::Span;

use super::{attempts::Attempt, gate::Place, may_be_billed, span};
use crate::model::{ChatEvent, ChatStream};

/// `events` with the place and the attempt that they use up.
pub(super) fn held(events: ChatStream, place: Place, attempt: Attempt) -> ChatStream {
    let mut held = Some((place, attempt));
    events
        .inspect(move |event| match event {
            Ok(ChatEvent::Done(_)) => {
                if let Some((place, attempt)) = held.take() {
                    place.answered();
                    attempt.settle();
                }
            }
            Err(error) => {
                if let Some((place, attempt)) = held.take() {
                    place.failed(error);
                    if !may_be_billed(error) {
                        attempt.settle();
                    }
                }
            }
            Ok(_) => {}
        })
        .boxed()
}

/// `events` with their end written into `span`.
pub(super) fn traced(events: ChatStream, span: Span) -> ChatStream {
    if span.is_disabled() {
        return events;
    }
    events
        .inspect(move |event| match event {
            Ok(ChatEvent::Done(response)) => span::record(&span, Ok(response)),
            Err(error) => span::record(&span, Err(error)),
            Ok(_) => {}
        })
        .boxed()
}
