//! What an agent remembers.

use serde::{Deserialize, Serialize};

use crate::message::Msg;

/// The messages of a conversation, oldest first, in this process.
///
/// The system prompt is no part of it: that belongs to the agent. In JSON it is the list of its messages.
///
/// ```
/// use agentscope_tuner::{agent::Memory, message::Msg};
/// let mut memory = Memory::from_iter([Msg::user("I am Ada."), Msg::assistant("Hello, Ada.")]);
/// memory.add(Msg::user("Who am I?"));
/// assert_eq!(memory.len(), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Memory {
    messages: Vec<Msg>,
}

impl Memory {
    /// Nothing remembered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Remembers one more message.
    pub fn add(&mut self, message: Msg) {
        self.messages.push(message);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.messages.clear();
    }

    /// All that is remembered, oldest first.
    pub fn messages(&self) -> &[Msg] {
        &self.messages
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

impl Extend<Msg> for Memory {
    fn extend<I: IntoIterator<Item = Msg>>(&mut self, messages: I) {
        self.messages.extend(messages);
    }
}

impl FromIterator<Msg> for Memory {
    fn from_iter<I: IntoIterator<Item = Msg>>(messages: I) -> Self {
        Self { messages: messages.into_iter().collect() }
    }
}

impl From<Vec<Msg>> for Memory {
    fn from(messages: Vec<Msg>) -> Self {
        Self { messages }
    }
}

impl From<Memory> for Vec<Msg> {
    fn from(memory: Memory) -> Self {
        memory.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_survives_json() {
        let mut memory = Memory::new();
        memory.add(Msg::user("one"));
        memory.extend([Msg::assistant("two"), Msg::user("three")]);
        let texts: Vec<_> = memory.messages().iter().map(Msg::text).collect();
        assert_eq!(texts, ["one", "two", "three"]);
        let written = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<Memory>(&written).unwrap(), memory);
        memory.clear();
        assert!(memory.is_empty());
    }
}
