//! Reading a JSON object field by field, keeping every fault instead of the first.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};

/// An object under inspection. A getter that finds a fault notes it and returns a harmless value, so that the whole
/// object is read before [`finish`](Self::finish) reports.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    faults: Vec<String>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(object: &'a Map<String, Value>) -> Self {
        Self { object, faults: Vec::new() }
    }

    /// The value of `key`; `null` is the same as absent.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// Whether `key` is there and `null`, which some fields tell from absent.
    pub(super) fn is_null(&self, key: &str) -> bool {
        self.object.get(key).is_some_and(Value::is_null)
    }

    pub(super) fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    pub(super) fn object(&mut self, key: &str) -> Option<&'a Map<String, Value>> {
        let value = self.get(key)?;
        let object = value.as_object();
        if object.is_none() {
            self.fault(format!("`{key}` is {value}, but must be an object"));
        }
        object
    }

    pub(super) fn text(&mut self, key: &str) -> Option<&'a str> {
        let value = self.get(key)?;
        let text = value.as_str();
        if text.is_none() {
            self.fault(format!("`{key}` is {value}, but must be a string"));
        }
        text
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.fault(format!("`{key}` is {value}, but must be true or false"));
        }
        flag
    }

    /// A whole number from 0 to 2³¹ − 1: what sizes and token ids are.
    pub(super) fn count(&mut self, key: &str) -> Option<usize> {
        let value = self.get(key)?;
        let count = whole(value);
        if count.is_none() {
            self.fault(format!("`{key}` is {value}, but must be a whole number from 0 to {}", i32::MAX));
        }
        count
    }

    /// A size of at least 1.
    pub(super) fn size(&mut self, key: &str) -> Option<usize> {
        let size = self.count(key)?;
        if size == 0 {
            self.fault(format!("`{key}` is 0, but must be at least 1"));
        }
        Some(size.max(1))
    }

    /// A size that every model of these families states.
    pub(super) fn required_size(&mut self, key: &str) -> usize {
        if self.get(key).is_none() {
            self.fault(format!("`{key}` is missing"));
        }
        self.size(key).unwrap_or(1)
    }

    /// A number that is finite as f32 and for which `valid` holds; `range` says in words which these are.
    pub(super) fn number(&mut self, key: &str, range: &str, valid: impl Fn(f32) -> bool) -> Option<f32> {
        let value = self.get(key)?;
        let number = value.as_f64().map(|number| number as f32);
        let number = number.filter(|number| number.is_finite() && valid(*number));
        if number.is_none() {
            self.fault(format!("`{key}` is {value}, but must be {range}"));
        }
        number
    }

    /// Token ids, written as one number or as a list.
    pub(super) fn token_ids(&mut self, key: &str) -> Vec<u32> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let ids: Option<Vec<_>> = items.iter().map(|item| whole(item).map(|id| id as u32)).collect();
        if ids.is_none() {
            self.fault(format!("`{key}` is {value}, but must be a token id or a list of them"));
        }
        ids.unwrap_or_default()
    }

    /// Takes over the faults of an object within this one.
    pub(super) fn absorb(&mut self, inner: Fields<'_>, within: &str) {
        self.faults.extend(inner.faults.into_iter().map(|fault| format!("{fault} (in `{within}`)")));
    }

    /// Fails if there was a fault; `what` says what cannot be done for it.
    pub(super) fn finish(self, what: &str) -> Result<()> {
        if self.faults.is_empty() { Ok(()) } else { Err(self.failure(what)) }
    }

    /// The error that lists every fault.
    pub(super) fn failure(self, what: &str) -> Error {
        let message = match &self.faults[..] {
            [fault] => format!("{what}: {fault}"),
            faults => format!("{what}:\n- {}", faults.join("\n- ")),
        };
        Error::new(ErrorKind::Config, message)
    }
}

fn whole(value: &Value) -> Option<usize> {
    value.as_u64().filter(|number| *number <= i32::MAX as u64).and_then(|number| usize::try_from(number).ok())
}
