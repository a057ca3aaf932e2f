//! One rule of a script: when it fits, and what it answers.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Reply;
use crate::{
    error::{Error, ErrorKind, ModelFailure, Result},
    message::{Block, Msg, Role, ToolUse},
    model::{ChatRequest, ChatResponse, call_id, next_call},
};

/// When a scripted model answers what.
///
/// A rule without `contains` and `matches` fits always. It needs at least one of `reply`, `calls` and `fail`.
///
/// ```toml
/// [[rule]]
/// matches = '(\d+) apples'
/// reply = "You have $1."
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Rule {
    /// Fits where this text appears.
    pub contains: Option<String>,
    /// Fits where this regular expression does; `$1` or `${name}` in `reply` are its groups, `$$` is a dollar sign.
    pub matches: Option<String>,
    /// Where the two look.
    #[serde(rename = "in")]
    pub scope: Scope,
    /// The text of the answer.
    pub reply: Option<String>,
    /// The tools that the answer calls.
    pub calls: Vec<ScriptedCall>,
    /// Fails instead of answering.
    pub fail: Option<Failure>,
    /// Seconds after which the failure asks to be tried again.
    pub retry_after: Option<f64>,
    /// Milliseconds until the answer.
    pub latency_ms: u64,
    /// How often the rule is used, after which it fits no more; no bound when unset.
    pub times: Option<u32>,
}

/// A tool call of a scripted answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// The tool.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Value,
}

/// Where a rule looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scope {
    /// In the last user message.
    #[default]
    User,
    /// In the last message, whoever speaks; a tool's answer counts as its text.
    Last,
    /// In the system messages.
    System,
    /// In the whole conversation, a message a line.
    Conversation,
}

/// How a scripted model fails, as [`ModelFailure`] has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "named as the failures they stand for")]
pub enum Failure {
    Connect,
    Timeout,
    RateLimited,
    Auth,
    Server,
    Request,
    Protocol,
    Refused,
}

impl Rule {
    /// A rule that answers `reply` where the last user message contains `text`.
    pub fn when(text: impl Into<String>, reply: impl Into<String>) -> Self {
        Self { contains: Some(text.into()), reply: Some(reply.into()), ..Self::default() }
    }

    /// A rule that answers `reply` to everything.
    pub fn otherwise(reply: impl Into<String>) -> Self {
        Self { reply: Some(reply.into()), ..Self::default() }
    }
}

impl From<Failure> for ModelFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connect => Self::Connect,
            Failure::Timeout => Self::Timeout,
            Failure::RateLimited => Self::RateLimited,
            Failure::Auth => Self::Auth,
            Failure::Server => Self::Server,
            Failure::Request => Self::Request,
            Failure::Protocol => Self::Protocol,
            Failure::Refused => Self::Refused,
        }
    }
}

/// A rule with its regular expression and its count.
#[derive(Debug)]
pub(super) struct Compiled {
    rule: Rule,
    regex: Option<Regex>,
    used: AtomicU32,
}

/// # Errors
/// [`ErrorKind::Config`] lists the rules that cannot work.
pub(super) fn compile(rules: impl IntoIterator<Item = Rule>) -> Result<Vec<Compiled>> {
    let (mut compiled, mut faults) = (Vec::new(), Vec::new());
    for (index, rule) in rules.into_iter().enumerate() {
        match Compiled::new(rule) {
            Ok(rule) => compiled.push(rule),
            Err(fault) => faults.push(format!("rule {} {fault}", index + 1)),
        }
    }
    if compiled.is_empty() && faults.is_empty() {
        faults.push("the script has no rule; write at least one with a `reply`".into());
    }
    if faults.is_empty() { Ok(compiled) } else { Err(Error::new(ErrorKind::Config, faults.join("; "))) }
}

impl Compiled {
    fn new(rule: Rule) -> Result<Self, String> {
        if rule.reply.is_none() && rule.calls.is_empty() && rule.fail.is_none() {
            return Err("says nothing: give it `reply`, `calls` or `fail`".into());
        }
        if rule.retry_after.is_some_and(|seconds| Duration::try_from_secs_f64(seconds).is_err()) {
            return Err("has a retry-after that is no number of seconds of at least 0".into());
        }
        let regex = rule.matches.as_deref().map(Regex::new).transpose();
        let regex = regex.map_err(|error| format!("has an invalid regular expression: {error}"))?;
        Ok(Self { rule, regex, used: AtomicU32::new(0) })
    }

    /// The answer, if the rule fits and is not used up.
    pub(super) fn answer(&self, request: &ChatRequest) -> Option<Reply> {
        let text = seen(request, self.rule.scope);
        if self.rule.contains.as_deref().is_some_and(|part| !text.contains(part)) {
            return None;
        }
        let groups = match &self.regex {
            Some(regex) => Some(regex.captures(&text)?),
            None => None,
        };
        if !self.take() {
            return None;
        }
        let latency = Duration::from_millis(self.rule.latency_ms);
        if let Some(failure) = self.rule.fail {
            return Some((Err(self.failure(failure)), latency));
        }
        let reply = self.rule.reply.as_deref().map(|reply| match groups {
            Some(groups) => {
                let mut expanded = String::new();
                groups.expand(reply, &mut expanded);
                expanded
            }
            None => reply.to_owned(),
        });
        Some((Ok(self.response(request, reply)), latency))
    }

    /// Uses the rule once more, if it may be.
    fn take(&self) -> bool {
        let more =
            |used: u32| self.rule.times.is_none_or(|times| used < times).then(|| used.saturating_add(1));
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn failure(&self, failure: Failure) -> Error {
        let message = self.rule.reply.clone().unwrap_or_else(|| "the script says so".into());
        let wait = self.rule.retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Error::new(ErrorKind::Model(failure.into()), message).with_retry_after(wait)
    }

    fn response(&self, request: &ChatRequest, reply: Option<String>) -> ChatResponse {
        let mut content: Vec<_> = reply.into_iter().map(Block::text).collect();
        // Ids have to be unique within a conversation.
        let next = next_call(&request.messages);
        content.extend(self.rule.calls.iter().enumerate().map(|(index, call)| {
            let id = call_id(next + index);
            Block::ToolUse(ToolUse { id, name: call.name.clone(), input: call.arguments.clone() })
        }));
        ChatResponse::new(Msg::new(Role::Assistant, content))
    }
}

/// The text of the last user message.
pub(super) fn last_user(request: &ChatRequest) -> String {
    request.messages.iter().rfind(|msg| msg.role == Role::User).map(Msg::text).unwrap_or_default()
}

fn seen(request: &ChatRequest, scope: Scope) -> String {
    let all = |role: Option<Role>| {
        let chosen = request.messages.iter().filter(|msg| role.is_none_or(|role| msg.role == role));
        chosen.map(spoken).collect::<Vec<_>>().join("\n")
    };
    match scope {
        Scope::User => last_user(request),
        Scope::Last => request.messages.last().map(spoken).unwrap_or_default(),
        Scope::System => all(Some(Role::System)),
        Scope::Conversation => all(None),
    }
}

/// The text of a message, tool results included.
fn spoken(msg: &Msg) -> String {
    let results = msg.tool_results().map(crate::message::ToolResult::text);
    let own = Some(msg.text()).filter(|text| !text.is_empty());
    own.into_iter().chain(results).collect::<Vec<_>>().join("\n")
}
