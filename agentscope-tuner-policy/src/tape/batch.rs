//! What goes through the model at once: several sequences in one buffer, without padding.

use crate::error::{Error, ErrorKind, Result};

/// Sequences of token ids, one after the other. Attention never crosses from one to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    ids: Vec<u32>,
    offsets: Vec<usize>,
}

impl Batch {
    /// Packs the sequences.
    pub fn new<S: AsRef<[u32]>>(sequences: impl IntoIterator<Item = S>) -> Self {
        let mut batch = Self { ids: Vec::new(), offsets: vec![0] };
        for sequence in sequences {
            batch.ids.extend_from_slice(sequence.as_ref());
            batch.offsets.push(batch.ids.len());
        }
        batch
    }

    /// All tokens; each is one row of the forward pass.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Where sequences begin, and after them the number of rows: sequence `i` is rows `offsets[i]..offsets[i + 1]`.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    pub(super) fn check(&self, vocabulary: usize, longest: usize) -> Result<()> {
        if self.ids.is_empty() {
            return Err(request("a batch needs at least one token".into()));
        }
        if let Some(length) = self.offsets.windows(2).map(|ends| ends[1] - ends[0]).find(|len| *len > longest)
        {
            return Err(request(format!(
                "a sequence of {length} tokens is longer than the context of {longest}; shorten or split it"
            )));
        }
        check_ids(&self.ids, vocabulary)
    }
}

/// Which rows of the hidden states predict which tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    rows: Vec<u32>,
    ids: Vec<u32>,
}

impl Targets {
    /// Row `rows[i]` predicts token `ids[i]`.
    ///
    /// # Errors
    /// When the two differ in length.
    pub fn new(rows: Vec<u32>, ids: Vec<u32>) -> Result<Self> {
        if rows.len() == ids.len() {
            Ok(Self { rows, ids })
        } else {
            Err(request(format!(
                "{} rows cannot predict {} tokens; give one row a token",
                rows.len(),
                ids.len()
            )))
        }
    }

    /// Every token of a batch but the first of each sequence, predicted by the row before it.
    pub fn next_tokens(batch: &Batch) -> Self {
        let pairs = batch.offsets.windows(2).flat_map(|ends| ends[0] + 1..ends[1]);
        let (rows, ids) = pairs.map(|row| (row as u32 - 1, batch.ids[row])).unzip();
        Self { rows, ids }
    }

    /// The predicting rows.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The predicted tokens.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Whether the rows are all rows of a batch, in order.
    pub(super) fn are_all(&self, rows: usize) -> bool {
        self.rows.len() == rows && self.rows.iter().zip(0..).all(|(row, index)| *row == index)
    }

    pub(super) fn check(&self, rows: usize, vocabulary: usize) -> Result<()> {
        if self.rows.is_empty() {
            return Err(request("there is no token to take the log-probability of".into()));
        }
        match self.rows.iter().find(|row| **row as usize >= rows) {
            Some(row) => Err(request(format!("row {row} is beyond the {rows} rows of the batch"))),
            None => check_ids(&self.ids, vocabulary),
        }
    }
}

fn check_ids(ids: &[u32], vocabulary: usize) -> Result<()> {
    match ids.iter().find(|id| **id as usize >= vocabulary) {
        Some(id) => Err(request(format!(
            "token {id} is beyond the vocabulary of {vocabulary}; the tokenizer does not fit this model"
        ))),
        None => Ok(()),
    }
}

pub(super) fn request(message: String) -> Error {
    Error::new(ErrorKind::Request, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_tokens_never_cross_sequences() {
        let batch = Batch::new([vec![5, 6, 7], vec![8], vec![], vec![9, 1]]);
        assert_eq!(batch.offsets(), [0, 3, 4, 4, 6]);
        let targets = Targets::next_tokens(&batch);
        assert_eq!((targets.rows(), targets.ids()), (&[0, 1, 4][..], &[6, 7, 1][..]));
        assert!(!targets.are_all(6));
        assert!(Targets::new(vec![0, 1], vec![3, 3]).unwrap().are_all(2));
    }

    #[test]
    fn misfits_are_named() {
        let message = |result: Result<()>| result.unwrap_err().to_string();
        let batch = Batch::new([[1, 2, 9]]);
        assert!(message(batch.check(9, 3)).contains("token 9 is beyond the vocabulary of 9"));
        assert!(message(batch.check(10, 2)).contains("3 tokens is longer than the context of 2"));
        assert!(message(Batch::new::<&[u32]>([]).check(9, 9)).contains("at least one token"));
        let targets = Targets::new(vec![3], vec![0]).unwrap();
        assert!(message(targets.check(3, 9)).contains("row 3 is beyond the 3 rows"));
        assert!(Targets::new(vec![0], vec![]).unwrap_err().to_string().contains("1 rows cannot predict 0"));
    }
}
