//! What can be asked of the store.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{MutexGuard, PoisonError},
};

use rusqlite::{Connection, OptionalExtension as _};
use serde::de::DeserializeOwned;

use super::{Key, Store, store_error};
use crate::{
    candidate::Candidate,
    error::{Error, ErrorKind, Result},
    message::Msg,
    model::{ChatRequest, ChatResponse, Usage, Usd},
    rollout::Record,
    workflow::Spent,
};

/// An answered call, as the store holds it.
#[derive(Clone, Debug)]
pub struct StoredCall {
    /// Display form of the model's id.
    pub model: String,
    /// What was asked.
    pub request: ChatRequest,
    /// What was answered.
    pub response: ChatResponse,
}

impl StoredCall {
    /// The conversation with the answer at its end.
    pub fn conversation(self) -> Vec<Msg> {
        let mut messages = self.request.messages;
        messages.push(self.response.message);
        messages
    }
}

impl Store {
    /// A fact of the run.
    pub fn meta(&self, key: &str) -> Result<Option<String>> {
        self.read("read the run's facts", |connection| {
            let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
            statement.query_row([key], |row| row.get(0)).optional()
        })
    }

    /// Every finished rollout with its key, in the order in which they ended; of one that was run again, the last.
    pub fn rollouts(&self) -> Result<Vec<(Key, Record)>> {
        let rows: Vec<(Key, String)> = self.read("read the journal", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT key, record FROM rollout ORDER BY rowid")?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        let last: HashMap<Key, usize> =
            rows.iter().enumerate().map(|(place, (key, _))| (*key, place)).collect();
        let counts = |(place, (key, _)): &(usize, (Key, String))| last[key] == *place;
        rows.into_iter().enumerate().filter(counts).map(|(_, (key, json))| Ok((key, parse(&json)?))).collect()
    }

    /// The numbers of all training steps, by step and name; NaN where a number was not finite.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] when it cannot be read.
    pub fn metrics(&self) -> Result<BTreeMap<u64, BTreeMap<String, f64>>> {
        let rows: Vec<(u64, String, Option<f64>)> = self.read("read the metrics", |connection| {
            let mut statement = connection.prepare_cached("SELECT step, name, value FROM metric")?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })?;
        let mut steps: BTreeMap<u64, BTreeMap<String, f64>> = BTreeMap::new();
        for (step, name, value) in rows {
            steps.entry(step).or_default().insert(name, value.unwrap_or(f64::NAN));
        }
        Ok(steps)
    }

    /// Every candidate that was run.
    pub fn candidates(&self) -> Result<Vec<Candidate>> {
        let rows: Vec<String> = self.read("read the candidates", |connection| {
            let mut statement = connection.prepare_cached("SELECT json FROM candidate")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })?;
        rows.iter().map(|json| parse(json)).collect()
    }

    /// The keys of all answered calls.
    pub(crate) fn call_keys(&self) -> Result<Vec<Key>> {
        self.read("read the response cache", |connection| {
            let mut statement = connection.prepare_cached("SELECT key FROM call")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// An answered call.
    pub fn call(&self, key: &Key) -> Result<Option<StoredCall>> {
        let row: Option<(String, String, String)> = self.read("read the response cache", |connection| {
            let sql = "SELECT model, request, response FROM call WHERE key = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })?;
        row.map(|(model, request, response)| {
            Ok(StoredCall { model, request: parse(&request)?, response: parse(&response)? })
        })
        .transpose()
    }

    /// Everything paid so far: answered calls, and failed ones that may have been billed.
    pub(crate) fn spent(&self) -> Result<Spent> {
        let sql = "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
                          coalesce(sum(picodollars), 0), count(*) - count(picodollars)
                   FROM (SELECT input_tokens, output_tokens, picodollars FROM call
                         UNION ALL SELECT input_tokens, output_tokens, picodollars FROM charge)";
        self.read("add up what was spent", |connection| {
            connection.prepare_cached(sql)?.query_row([], |row| {
                let usage =
                    Usage { input_tokens: row.get(1)?, output_tokens: row.get(2)?, ..Usage::default() };
                Ok(Spent {
                    calls: row.get(0)?,
                    cached_calls: 0,
                    usage,
                    usd: Usd::from_picodollars(row.get(3)?),
                    unpriced_calls: row.get(4)?,
                })
            })
        })
    }

    fn read<T>(&self, doing: &str, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        query(&self.reader()).map_err(|error| store_error(doing, error))
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.0.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| {
        Error::new(ErrorKind::Store, "the run store holds a row that cannot be read").with_source(error)
    })
}
