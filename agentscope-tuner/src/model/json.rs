//! Small helpers to write JSON straight from borrowed values.

use std::{cell::Cell, fmt};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

/// Room for a usual request, answer or record: growing to it step by step costs more than writing it.
const USUAL: usize = 1024;
/// Bytes beyond which room for a text is not kept for a later one.
const KEPT: usize = 64 << 10;

/// `value` as JSON.
pub(crate) fn bytes(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(USUAL);
    serde_json::to_writer(&mut json, value)?;
    Ok(json)
}

/// `value` as JSON text.
pub(crate) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    bytes(value).map(|json| String::from_utf8(json).expect("JSON is UTF-8"))
}

thread_local! {
    /// Room for a text that is soon written elsewhere.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What `act` makes of `value` as JSON text, for which no memory is asked each time.
pub(crate) fn with_text<T>(value: &impl Serialize, act: impl FnOnce(&str) -> T) -> serde_json::Result<T> {
    let mut json = SCRATCH.take();
    json.clear();
    serde_json::to_writer(&mut json, value)?;
    let done = act(str::from_utf8(&json).expect("JSON is UTF-8"));
    json.shrink_to(KEPT);
    SCRATCH.set(json);
    Ok(done)
}

/// What displays, as a JSON string, without a copy in between.
pub(crate) struct AsText<T>(pub(crate) T);

impl<T: fmt::Display> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

/// A JSON object of a few fields.
pub(crate) struct Object<T, const N: usize>(pub(crate) [(&'static str, T); N]);

impl<T: Serialize, const N: usize> Serialize for Object<T, N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The fields of a request, with the user's `extra` ones, which win over ours of the same name.
pub(crate) struct Fields<'a, M> {
    map: M,
    extra: &'a Map<String, Value>,
}

impl<'a, M: SerializeMap> Fields<'a, M> {
    pub(crate) fn new(map: M, extra: &'a Map<String, Value>) -> Self {
        Self { map, extra }
    }

    pub(crate) fn put(
        &mut self,
        name: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), M::Error> {
        if self.extra.contains_key(name) {
            return Ok(());
        }
        self.map.serialize_entry(name, value)
    }

    /// Writes a field that is set.
    pub(crate) fn some<T: Serialize>(
        &mut self,
        name: &'static str,
        value: Option<T>,
    ) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.put(name, &value))
    }

    pub(crate) fn end(mut self) -> Result<M::Ok, M::Error> {
        for (name, value) in self.extra {
            self.map.serialize_entry(name, value)?;
        }
        self.map.end()
    }
}
