//! What steers the engine while it samples: a grammar, stop texts.

use policy::{
    constraint::{Constraint, TokenSet},
    engine::Guide,
    tokenizer::Decoder,
};

use super::{Embedded, Forced, policy, refused, stops::Stops};
use crate::error::Result;

struct Steering {
    constraint: Option<Constraint>,
    allowed: Option<TokenSet>,
    stops: Option<(Decoder, Stops)>,
}

/// A guide where the request needs one.
pub(super) fn guide(
    model: &Embedded,
    forced: Option<&Forced>,
    stops: Stops,
) -> Result<Option<Box<dyn Guide>>> {
    let constraint = match forced {
        Some(Forced { schema: Some(schema), .. }) => {
            Some(model.constraints()?.json_schema(schema).map_err(refused)?)
        }
        Some(Forced { schema: None, .. }) => Some(model.constraints()?.json_object().map_err(refused)?),
        None => None,
    };
    let stops = (!stops.is_empty()).then(|| (model.tokenizer.decoder(model.hides_special()), stops));
    if constraint.is_none() && stops.is_none() {
        return Ok(None);
    }
    Ok(Some(Box::new(Steering { constraint, allowed: None, stops })))
}

impl Guide for Steering {
    fn allowed(&mut self) -> Option<&[u32]> {
        let constraint = self.constraint.as_mut()?;
        // A grammar beyond its limits allows nothing, which fails the sequence.
        self.allowed = constraint.mask().ok();
        Some(self.allowed.as_ref().map_or(&[], TokenSet::as_words))
    }

    fn accept(&mut self, token: u32) -> bool {
        let complete = self
            .constraint
            .as_mut()
            .is_some_and(|constraint| constraint.accept(token).is_err() || constraint.is_finished());
        let stopped = self.stops.as_mut().is_some_and(|(decoder, stops)| {
            stops.push(decoder.push(token));
            stops.found()
        });
        complete || stopped
    }
}
