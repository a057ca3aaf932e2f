//! Where candidates are run and questions are asked, within the budget.

use std::{collections::HashSet, fmt::Display, sync::Arc};

use futures_util::future::join_all;

use super::{
    board::Board,
    episode::{Episode, spoken},
    purse::{Batch, Purse},
};
use crate::{
    candidate::Candidate,
    error::{Error, ErrorKind, ModelFailure, Result},
    message::Msg,
    model::ChatRequest,
    rollout::{Job, Record, Store, Task},
    strategy::Inputs,
};

/// Why a search ends.
#[derive(Debug)]
pub(super) enum Halt {
    /// The budget does not suffice for the next batch.
    Spent,
    /// The run was stopped, or an endpoint is down for all.
    Stopped(Error),
    /// Results cannot be kept, or the configuration is wrong.
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Runs and asks; knows what it cost and what came of it.
pub(super) struct Lab<'a> {
    pub(super) inputs: Inputs<'a>,
    pub(super) board: Board,
    pub(super) purse: Purse,
    /// What is set aside for the end.
    pub(super) reserve: Batch,
    /// The store of an earlier run whose rollouts are on the board too.
    pub(super) recorded: Option<Store>,
    /// Records in the order in which they were asked for.
    pub(super) records: Vec<Arc<Record>>,
}

impl Lab<'_> {
    /// Runs those of `jobs` that were not run before, all or none.
    ///
    /// # Errors
    /// [`Halt::Spent`] when they do not fit beside the reserve.
    pub(super) async fn run(&mut self, jobs: Vec<Job>) -> Result<(), Halt> {
        let mut seen = HashSet::new();
        let is_new = |job: &Job| {
            let known = self.board.has(&job.candidate.name, &job.task.id, job.attempt);
            !known && seen.insert((job.candidate.name.clone(), job.task.id.clone(), job.attempt))
        };
        let mut jobs = jobs;
        jobs.retain(is_new);
        if !self.affords(Batch { rollouts: jobs.len() as u64, questions: 0 }) {
            return Err(Halt::Spent);
        }
        jobs.iter().for_each(|job| self.board.meet(&job.candidate));
        self.inputs.engine.expect(jobs.len());
        let run = self.inputs.engine.run(jobs, |_| {}).await?;
        if let Some(error) = run.stopped {
            // What is finished stays in the journal; here half a batch would be another one after each interruption.
            return Err(match error.kind() {
                ErrorKind::Budget(_) => Halt::Spent,
                _ => Halt::Stopped(error),
            });
        }
        for record in &run.records {
            let mut spent = record.spent;
            spent += record.judge_spent;
            self.purse.pay_rollout(spent);
            self.board.note(record);
        }
        self.records.extend(run.records);
        Ok(())
    }

    /// Whether `batch` fits beside the reserve.
    pub(super) fn affords(&self, batch: Batch) -> bool {
        let Batch { rollouts, questions } = self.reserve;
        self.purse
            .affords(Batch { rollouts: batch.rollouts + rollouts, questions: batch.questions + questions })
    }

    /// Asks the model `proposer` each question, which is known by its number. A failure is the answer to its question alone,
    /// and is remembered: a question that failed is not asked again after a kill.
    pub(super) async fn ask(
        &mut self,
        proposer: &str,
        questions: &[(u64, String)],
    ) -> Result<Vec<Result<String, String>>, Halt> {
        if !self.affords(Batch { rollouts: 0, questions: questions.len() as u64 }) {
            return Err(Halt::Spent);
        }
        let (engine, store) = (self.inputs.engine, self.inputs.engine.store());
        store.flush().await?;
        let calls = questions.iter().map(|(number, question)| async move {
            if let Some(failure) = store.meta(&failed(number))? {
                return Ok(Err(failure));
            }
            let request = ChatRequest::new([Msg::user(question.as_str())]);
            engine.consult(proposer, "prompt proposal", *number, &request).await.map(Ok)
        });
        let mut answers = Vec::new();
        for ((number, _), result) in questions.iter().zip(join_all(calls).await) {
            let answer = match result {
                Ok(Ok(consulted)) => {
                    self.purse.pay_question(consulted.spent);
                    Ok(consulted.response.message.text())
                }
                Ok(Err(failure)) => Err(failure),
                Err(error) => {
                    let failure = of_one_question(error)?;
                    store.put_meta(&failed(number), &failure)?;
                    Err(failure)
                }
            };
            answers.push(answer);
        }
        store.flush().await?;
        Ok(answers)
    }

    /// What `candidate` answered on a row, and its reward.
    pub(super) fn answered(&self, candidate: &str, task: &Task) -> Option<(String, f64)> {
        let counted = self.board.of(candidate, &task.id).iter().find(|record| record.status.counts())?;
        Some((spoken(&counted.response), self.board.reward_of(counted)))
    }

    /// The first attempts of `candidate` on `rows` that count, as a proposer model reads them.
    pub(super) fn episodes(&self, candidate: &Arc<Candidate>, rows: &[Arc<Task>]) -> Result<Vec<Episode>> {
        let stores: Vec<&Store> = std::iter::once(self.inputs.engine.store()).chain(&self.recorded).collect();
        let known = rows.iter().filter_map(|task| {
            let record =
                self.board.of(&candidate.name, &task.id).iter().find(|record| record.status.counts())?;
            let (reward, values) = (self.board.reward_of(record), self.board.values(record));
            Some(
                Episode::read(&stores, candidate, task, record, reward)
                    .map(|read| Episode { values, ..read }),
            )
        });
        known.collect()
    }
}

/// Key of the fact that a question failed.
fn failed(number: &impl Display) -> String {
    format!("prompt.failed.{number}")
}

/// What is wrong with one question alone; what is wrong with all ends the search.
fn of_one_question(error: Error) -> Result<String, Halt> {
    match error.kind() {
        ErrorKind::Budget(_) => Err(Halt::Spent),
        ErrorKind::Cancelled | ErrorKind::Model(ModelFailure::Auth) => Err(Halt::Stopped(error)),
        ErrorKind::Store | ErrorKind::Config => Err(Halt::Failed(error)),
        _ => Ok(error.chain()),
    }
}
