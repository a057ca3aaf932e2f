//! A streamed answer, whatever the protocol.

use futures_util::{StreamExt as _, stream};

use super::{Admission, failure::Failure};
use crate::{
    error::{Error, ErrorKind},
    model::{ChatRequest, ChatStream, Model},
};

/// The answer as it comes. The first piece is waited for, so that a refusal has a status of its own. It breaks off when
/// the admission is over.
pub(super) async fn streaming(
    model: &Model,
    request: &ChatRequest,
    admission: Admission,
) -> Result<ChatStream, Failure> {
    let mut events = model.stream(request).await?;
    let first = events.next().await.transpose()?;
    let events: ChatStream = stream::iter(first.map(Ok)).chain(events).boxed();
    let over = admission.over;
    let cut = over.clone();
    let told = stream::once(async move {
        cut.is_cancelled().then(|| Err(Error::new(ErrorKind::Cancelled, "the rollout is over")))
    });
    let until = events.take_until(over.cancelled_owned());
    Ok(until.chain(told.filter_map(|event| async { event })).boxed())
}
