//! What goes through the model at once: several sequences in one buffer, without padding.

use crate::{
    config::PolicyConfig,
    error::{Error, ErrorKind, Result},
};

/// Sequences of token ids, one after the other. Attention never crosses from one to the next, except from a branch to the
/// stem that it goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    ids: Vec<u32>,
    offsets: Vec<usize>,
    branches: Vec<bool>,
}

impl Default for Batch {
    /// Without a sequence.
    fn default() -> Self {
        Self { ids: Vec::new(), offsets: vec![0], branches: Vec::new() }
    }
}

impl Batch {
    /// Packs the sequences.
    pub fn new<S: AsRef<[u32]>>(sequences: impl IntoIterator<Item = S>) -> Self {
        let mut batch = Self::default();
        sequences.into_iter().for_each(|sequence| batch.push(sequence.as_ref()));
        batch
    }

    /// Appends a sequence.
    pub fn push(&mut self, sequence: &[u32]) {
        self.append(sequence, false);
    }

    /// Appends a sequence that goes on from the last one before it that is no branch: several answers to one prompt then
    /// read the prompt once. Without such a stem it is a sequence like others.
    pub fn branch(&mut self, sequence: &[u32]) {
        self.append(sequence, !self.branches.is_empty());
    }

    fn append(&mut self, sequence: &[u32], is_branch: bool) {
        self.ids.extend_from_slice(sequence);
        self.offsets.push(self.ids.len());
        self.branches.push(is_branch);
    }

    /// All tokens; each is one row of the forward pass.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Where sequences begin, and after them the number of rows: sequence `i` is rows `offsets[i]..offsets[i + 1]`.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Which sequences are branches.
    pub fn branches(&self) -> &[bool] {
        &self.branches
    }

    pub(super) fn check(&self, config: &PolicyConfig) -> Result<()> {
        if self.ids.is_empty() {
            return Err(request("a batch needs at least one token".into()));
        }
        if config.sliding_window.is_some() && self.branches.contains(&true) {
            let message = "a model with a sliding window reads no branches; pass whole sequences";
            return Err(request(message.into()));
        }
        let (longest, mut stem) = (config.max_position_embeddings, 0);
        for (ends, is_branch) in self.offsets.windows(2).zip(&self.branches) {
            let own = ends[1] - ends[0];
            let length = if *is_branch { stem + own } else { own };
            if !is_branch {
                stem = own;
            }
            if length > longest {
                return Err(request(format!(
                    "a sequence of {length} tokens is longer than the context of {longest}; shorten or split it"
                )));
            }
        }
        check_ids(&self.ids, config.vocab_size)
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

    /// Every token of a batch but the first of each sequence and branch, predicted by the row before it.
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
        let config = |vocab_size, max_position_embeddings| PolicyConfig {
            vocab_size,
            max_position_embeddings,
            ..crate::testing::tiny()
        };
        let mut batch = Batch::new([[1, 2, 9]]);
        assert!(message(batch.check(&config(9, 3))).contains("token 9 is beyond the vocabulary of 9"));
        assert!(message(batch.check(&config(10, 2))).contains("3 tokens is longer than the context of 2"));
        assert!(message(Batch::default().check(&config(9, 9))).contains("at least one token"));
        batch.branch(&[4, 5]);
        assert!(batch.check(&config(10, 5)).is_ok());
        assert!(message(batch.check(&config(10, 4))).contains("5 tokens is longer than the context of 4"));
        let windowed = PolicyConfig { sliding_window: Some(2), ..config(10, 9) };
        assert!(message(batch.check(&windowed)).contains("sliding window"));
        let targets = Targets::new(vec![3], vec![0]).unwrap();
        assert!(message(targets.check(3, 9)).contains("row 3 is beyond the 3 rows"));
        assert!(Targets::new(vec![0], vec![]).unwrap_err().to_string().contains("1 rows cannot predict 0"));
    }
}
