//! Identities of calls and rollouts.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// Identity of a call or rollout: a hash of all that its result depends on.
pub type Key = [u8; 16];

/// Values by key.
pub(in crate::rollout) type KeyMap<T> = HashMap<Key, T, BuildHasherDefault<Hashed>>;

/// The key that `bytes` have.
pub(in crate::rollout) fn key_of(bytes: &[u8]) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&blake3::hash(bytes).as_bytes()[..size_of::<Key>()]);
    key
}

/// Keys are hashes already: their first bytes need no hashing once more.
#[derive(Debug, Default)]
pub(in crate::rollout) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }
}
