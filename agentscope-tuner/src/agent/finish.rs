//! The tool by which a structured answer is given.

use std::{
    future,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Tool, ToolOutput, arguments_schema, parse_arguments};
use crate::{error::Result, message::Block, model::ToolSpec};

/// Name of the tool.
pub(super) const FINISH: &str = "finish";

/// A tool that keeps its arguments as the answer.
pub(super) struct Finish<T> {
    schema: Value,
    /// Reads the arguments, which may hold the answer in a field.
    read: fn(&Value) -> Result<T>,
    answer: Mutex<Option<T>>,
}

/// Arguments are an object; any other answer stands in its only field.
#[derive(Deserialize, JsonSchema)]
struct Wrapped<T> {
    answer: T,
}

impl<T: JsonSchema + DeserializeOwned> Finish<T> {
    pub(super) fn new() -> Self {
        let schema = arguments_schema::<T>();
        let answer = Mutex::new(None);
        if schema["type"] == "object" {
            return Self { schema, read: parse_arguments, answer };
        }
        let read = |input: &Value| parse_arguments::<Wrapped<T>>(input).map(|wrapped| wrapped.answer);
        Self { schema: arguments_schema::<Wrapped<T>>(), read, answer }
    }
}

impl<T> Finish<T> {
    /// The answer, if it was given.
    pub(super) fn take(&self) -> Option<T> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        // The guard never lives across code that can panic half way.
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Tool for Finish<T> {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: FINISH.into(),
            description: "Gives the final answer and ends the work. Call it as soon as the answer is known."
                .into(),
            parameters: self.schema.clone(),
        }
    }

    fn call(&self, input: Value) -> BoxFuture<'static, Result<ToolOutput>> {
        let given = (self.read)(&input).map(|answer| {
            *self.lock() = Some(answer);
            vec![Block::text("The answer was accepted.")]
        });
        Box::pin(future::ready(given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn an_answer_that_is_no_object_is_wrapped() {
        let finish = Finish::<Vec<u8>>::new();
        assert_eq!(finish.spec().parameters["required"], json!(["answer"]));
        finish.call(json!({"answer": [1, 2]})).await.unwrap();
        assert_eq!(finish.take(), Some(vec![1, 2]));
        assert_eq!(finish.take(), None);
    }

    #[tokio::test]
    async fn arguments_that_do_not_fit_are_no_answer() {
        let finish = Finish::<Vec<u8>>::new();
        let error = finish.call(json!({"answer": [1, 300]})).await.unwrap_err();
        assert!(error.to_string().contains("answer[1]"), "{error}");
        assert_eq!(finish.take(), None);
    }
}
