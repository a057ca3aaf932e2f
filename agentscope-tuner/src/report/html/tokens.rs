//! The tokens of an answer with their probabilities.

use serde::Serialize;

use super::conversations::Pieces;
use crate::rollout::StoredCall;

/// The tokens of a call, as the sampler saw them.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Tokens {
    /// Number of tokens of the prompt, where they are known.
    prompt_tokens: Option<usize>,
    /// The prompt as its tokens spell it.
    prompt: Option<String>,
    /// Ids of the answer; empty where only texts are known.
    ids: Vec<u32>,
    /// Texts of the answer; empty where only ids are known.
    texts: Vec<String>,
    /// Log-probability of each, to a thousandth.
    logprobs: Vec<f64>,
}

impl Tokens {
    /// What is stored of the tokens of `call`; `None` where nothing is.
    pub(super) fn of(call: &StoredCall, pieces: &Pieces<'_>) -> Option<Self> {
        let told = call.response.logprobs.as_deref().unwrap_or_default();
        let told_texts = || told.iter().map(|token| token.token.clone()).collect::<Vec<_>>();
        let Some(trace) = &call.response.tokens else {
            let logprobs = told.iter().map(|token| thousandth(token.logprob)).collect();
            return (!told.is_empty()).then(|| Self { texts: told_texts(), logprobs, ..Self::default() });
        };
        let texts = pieces(&call.model, &trace.ids).filter(|texts| texts.len() == trace.ids.len());
        Some(Self {
            prompt_tokens: Some(trace.prompt_ids.len()),
            prompt: pieces(&call.model, &trace.prompt_ids).map(|texts| texts.concat()),
            texts: texts.or_else(|| (told.len() == trace.ids.len()).then(told_texts)).unwrap_or_default(),
            logprobs: trace.logprobs.iter().map(|one| thousandth(f64::from(*one))).collect(),
            ids: trace.ids.clone(),
        })
    }
}

/// What is not finite has no number in JSON.
fn thousandth(logprob: f64) -> f64 {
    (logprob.max(-1e3) * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChatRequest, ChatResponse, TokenLogprob, TokenTrace};

    fn call(trace: Option<TokenTrace>, told: Option<Vec<TokenLogprob>>) -> StoredCall {
        let response = ChatResponse { tokens: trace, logprobs: told, ..ChatResponse::text("4!") };
        StoredCall { model: "embedded:tiny".into(), request: ChatRequest::default(), response }
    }

    fn told(texts: &[&str]) -> Option<Vec<TokenLogprob>> {
        let told = |text: &&str| TokenLogprob { token: (*text).into(), logprob: -0.25, top: Vec::new() };
        Some(texts.iter().map(told).collect())
    }

    #[test]
    fn exact_tokens_are_spelled_where_the_vocabulary_is_known() {
        let trace = TokenTrace {
            prompt_ids: vec![7, 8],
            ids: vec![4, 1],
            logprobs: vec![-0.12345, f32::NEG_INFINITY],
        };
        let spell = |model: &str, ids: &[u32]| {
            (model == "embedded:tiny").then(|| ids.iter().map(u32::to_string).collect())
        };
        let tokens = Tokens::of(&call(Some(trace.clone()), None), &spell).unwrap();
        assert_eq!((tokens.prompt_tokens, tokens.prompt.as_deref()), (Some(2), Some("78")));
        assert_eq!((tokens.texts, tokens.logprobs), (vec!["4".into(), "1".into()], vec![-0.123, -1000.0]));
        let unknown = Tokens::of(&call(Some(trace.clone()), None), &|_, _| None).unwrap();
        assert!(unknown.texts.is_empty() && unknown.ids == [4, 1]);
        let from_logprobs = Tokens::of(&call(Some(trace), told(&["4", "!"])), &|_, _| None).unwrap();
        assert_eq!(from_logprobs.texts, ["4", "!"]);
    }

    #[test]
    fn log_probabilities_alone_are_enough() {
        let tokens = Tokens::of(&call(None, told(&["4", "!"])), &|_, _| None).unwrap();
        assert_eq!((tokens.texts.len(), tokens.logprobs[0], tokens.prompt_tokens), (2, -0.25, None));
        assert_eq!(Tokens::of(&call(None, None), &|_, _| None), None);
    }
}
