//! Rows that were given in memory.

use std::sync::Arc;

use serde_json::Value;

use super::{RawRow, Reader};
use crate::{dataset::row::Place, error::Result};

pub(super) struct MemoryReader {
    rows: Arc<[Value]>,
    taken: usize,
}

impl MemoryReader {
    pub(super) fn new(rows: Arc<[Value]>) -> Self {
        Self { rows, taken: 0 }
    }
}

impl Reader for MemoryReader {
    fn next_row(&mut self) -> Result<Option<RawRow>> {
        let value = self.rows.get(self.taken).cloned();
        let place = Place::Row(self.taken as u64);
        self.taken += 1;
        Ok(value.map(|value| RawRow { value, place }))
    }
}
