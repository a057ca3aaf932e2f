//! From the calls of a rollout to training rows.
//!
//! A turn's prompt most often begins with the turn before: its prompt, then exactly the tokens that were sampled. Such
//! turns become one row, read once by the training pass. Where a conversation was re-tokenised, the prompt may differ in
//! the last tokens of what was sampled; the prompt is then right about what the model read next, so the row takes the
//! prompt's tokens and forgets the sampled ones. Any other turn (a sub-agent, a parallel call, a history that was
//! rewritten) begins a row of its own.

/// One call: what was read and what was sampled, exactly.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    /// Token ids that the model read.
    pub prompt: Vec<u32>,
    /// Token ids that it sampled.
    pub sampled: Vec<u32>,
    /// Log-probability of each of them, in nats, when it was sampled.
    pub log_probs: Vec<f32>,
}

/// One row of training: a sequence, and which of its tokens were sampled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectory {
    /// All tokens.
    pub ids: Vec<u32>,
    /// Whether each was sampled by the policy, and is trained.
    pub mask: Vec<bool>,
    /// Log-probability of each sampled token; NaN elsewhere.
    pub log_probs: Vec<f32>,
}

/// What came of merging the turns of a rollout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trajectories {
    /// The rows, in the order in which they began.
    pub rows: Vec<Trajectory>,
    /// Sampled tokens that a later prompt contradicted, and that are therefore not trained.
    pub drifted: usize,
}

/// How the turn fits a row.
#[derive(Clone, Copy)]
enum Fit {
    /// It goes on where the row ends.
    Continues,
    /// It goes on after the row's first tokens, of which so many are left.
    Drifted(usize),
}

impl Trajectories {
    /// Merges `turns`, in the order in which they began. A prompt may contradict the last `tolerance` tokens of the row that
    /// it goes on from; one that contradicts more begins a new row.
    pub fn merge<'a>(turns: impl IntoIterator<Item = &'a Turn>, tolerance: usize) -> Self {
        let mut merged = Self::default();
        for turn in turns {
            merged.add(turn, tolerance);
        }
        merged
    }

    /// Tokens that are trained.
    pub fn trained(&self) -> usize {
        self.rows.iter().map(Trajectory::trained).sum()
    }

    fn add(&mut self, turn: &Turn, tolerance: usize) {
        // The longest row that fits: of two that do, the shorter is a beginning of the longer.
        let fitting =
            self.rows.iter().enumerate().filter_map(|(index, row)| Some((index, row.fit(turn, tolerance)?)));
        let best = fitting.max_by_key(|(index, fit)| match fit {
            Fit::Continues => (1, self.rows[*index].ids.len()),
            Fit::Drifted(left) => (0, *left),
        });
        let row = match best {
            Some((index, fit)) => {
                if let Fit::Drifted(left) = fit {
                    self.drifted += self.rows[index].cut(left);
                }
                &mut self.rows[index]
            }
            None => {
                self.rows.push(Trajectory::default());
                let last = self.rows.len() - 1;
                &mut self.rows[last]
            }
        };
        row.extend(turn);
    }
}

impl Trajectory {
    /// Tokens that are trained.
    pub fn trained(&self) -> usize {
        self.mask.iter().filter(|sampled| **sampled).count()
    }

    fn fit(&self, turn: &Turn, tolerance: usize) -> Option<Fit> {
        let common = self.ids.iter().zip(&turn.prompt).take_while(|(ours, theirs)| ours == theirs).count();
        let contradicted = self.ids.len() - common;
        match contradicted {
            0 => Some(Fit::Continues),
            // A prompt that ends within the row contradicts nothing: it is another branch of the conversation.
            _ if common == turn.prompt.len() => None,
            drift if drift <= tolerance && self.mask[common..].iter().all(|sampled| *sampled) => {
                Some(Fit::Drifted(common))
            }
            _ => None,
        }
    }

    /// Keeps the first `length` tokens; how many sampled ones were lost.
    fn cut(&mut self, length: usize) -> usize {
        let lost = self.mask[length..].iter().filter(|sampled| **sampled).count();
        self.ids.truncate(length);
        self.mask.truncate(length);
        self.log_probs.truncate(length);
        lost
    }

    /// Appends what the turn read beyond the row, then what it sampled.
    fn extend(&mut self, turn: &Turn) {
        let read = &turn.prompt[self.ids.len()..];
        self.ids.extend_from_slice(read);
        self.mask.resize(self.ids.len(), false);
        self.log_probs.resize(self.ids.len(), f32::NAN);
        self.ids.extend_from_slice(&turn.sampled);
        self.mask.resize(self.ids.len(), true);
        self.log_probs.extend_from_slice(&turn.log_probs);
        self.log_probs.resize(self.ids.len(), f32::NAN);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turn(prompt: &[u32], sampled: &[u32]) -> Turn {
        let log_probs = sampled.iter().map(|id| -(*id as f32)).collect();
        Turn { prompt: prompt.to_vec(), sampled: sampled.to_vec(), log_probs }
    }

    fn masks(merged: &Trajectories) -> Vec<Vec<u8>> {
        merged.rows.iter().map(|row| row.mask.iter().map(|sampled| u8::from(*sampled)).collect()).collect()
    }

    #[test]
    fn a_clean_chain_is_one_row() {
        let turns = [turn(&[1, 2, 3], &[4, 5]), turn(&[1, 2, 3, 4, 5, 6, 7], &[8, 9])];
        let merged = Trajectories::merge(&turns, 1);
        assert_eq!(masks(&merged), [[0, 0, 0, 1, 1, 0, 0, 1, 1]]);
        assert_eq!(merged.rows[0].ids, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(merged.rows[0].log_probs[3..5], [-4.0, -5.0]);
        assert!(merged.rows[0].log_probs[5].is_nan());
        assert_eq!((merged.drifted, merged.trained()), (0, 4));
    }

    #[test]
    fn a_drift_of_one_token_is_realigned_and_its_log_probability_dropped() {
        let turns = [turn(&[1, 2, 3], &[4, 5]), turn(&[1, 2, 3, 4, 6], &[8, 9])];
        let merged = Trajectories::merge(&turns, 1);
        assert_eq!(masks(&merged), [[0, 0, 0, 1, 0, 1, 1]]);
        assert_eq!(merged.rows[0].ids, [1, 2, 3, 4, 6, 8, 9]);
        assert!(!merged.rows[0].log_probs.contains(&-5.0));
        assert_eq!(merged.drifted, 1);
    }

    #[test]
    fn a_large_drift_forks() {
        let turns = [turn(&[1, 2, 3], &[4, 5]), turn(&[1, 2, 3, 7, 6], &[8])];
        let merged = Trajectories::merge(&turns, 1);
        assert_eq!(masks(&merged), [vec![0, 0, 0, 1, 1], vec![0, 0, 0, 0, 0, 1]]);
        assert_eq!(masks(&Trajectories::merge(&turns, 2)), [[0, 0, 0, 0, 0, 1]]);
    }

    #[test]
    fn parallel_calls_and_sub_agents_have_rows_of_their_own() {
        let agent = [turn(&[1, 2], &[3]), turn(&[9, 9], &[8]), turn(&[1, 2, 3, 5], &[4])];
        assert_eq!(masks(&Trajectories::merge(&agent, 4)), [vec![0, 0, 1, 0, 1], vec![0, 0, 1]]);
        // The same prompt twice: the second sample contradicts nothing, and neither is lost.
        let twice = [turn(&[1, 2], &[3]), turn(&[1, 2], &[4])];
        let merged = Trajectories::merge(&twice, 4);
        assert_eq!((masks(&merged), merged.drifted), (vec![vec![0, 0, 1], vec![0, 0, 1]], 0));
        // Both are gone on from: each by its own row.
        let both = [twice[0].clone(), twice[1].clone(), turn(&[1, 2, 4, 7], &[6]), turn(&[1, 2, 3, 7], &[5])];
        let merged = Trajectories::merge(&both, 0);
        assert_eq!(
            merged.rows.iter().map(|row| row.ids.clone()).collect::<Vec<_>>(),
            [[1, 2, 3, 7, 5], [1, 2, 4, 7, 6]]
        );
    }

    proptest! {
        /// However turns relate, each row is what some turn read and sampled, and what is trained was sampled.
        #[test]
        fn rows_are_contexts_that_the_model_was_in(
            turns in prop::collection::vec((prop::collection::vec(0..3_u32, 1..6), prop::collection::vec(0..3_u32, 1..4)), 1..6),
            tolerance in 0..3_usize,
        ) {
            let turns: Vec<Turn> = turns.iter().map(|(prompt, sampled)| turn(prompt, sampled)).collect();
            let merged = Trajectories::merge(&turns, tolerance);
            let sampled: usize = turns.iter().map(|turn| turn.sampled.len()).sum();
            prop_assert_eq!(merged.trained() + merged.drifted, sampled);
            for row in &merged.rows {
                prop_assert_eq!((row.ids.len(), row.ids.len()), (row.mask.len(), row.log_probs.len()));
                let whole = |turn: &Turn| [&turn.prompt[..], &turn.sampled[..]].concat() == row.ids;
                prop_assert!(turns.iter().any(whole));
                for (sampled, log_prob) in row.mask.iter().zip(&row.log_probs) {
                    prop_assert_eq!(*sampled, !log_prob.is_nan());
                }
            }
        }
    }
}
