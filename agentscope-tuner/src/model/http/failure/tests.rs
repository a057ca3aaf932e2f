use std::time::Duration;

use super::*;

const KEY: &str = "sk-secret-0123456789";

fn site() -> Site {
    Site {
        id: ModelId {
            provider: "openai".into(),
            endpoint: "http://127.0.0.1:1/v1".into(),
            name: "tiny".into(),
            key: 1,
        },
        key: ApiKey::from_variable("TINY_KEY", KEY.into()),
        base_ends_in: "/v1",
    }
}

fn status(code: u16, body: &str) -> Error {
    site().status(StatusCode::from_u16(code).unwrap(), &HeaderMap::new(), body.as_bytes())
}

fn failure(error: &Error) -> ModelFailure {
    match error.kind() {
        ErrorKind::Model(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// Each row: status, body as the provider documents it, the class, a word of the remedy.
#[test]
fn documented_errors_are_classified_with_their_remedy() {
    use ModelFailure::*;
    let rows: &[(u16, &str, ModelFailure, &str)] = &[
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#,
            Auth,
            "TINY_KEY",
        ),
        (
            404,
            r#"{"error":{"message":"The model `tiny` does not exist","code":"model_not_found"}}"#,
            Request,
            "/v1",
        ),
        (404, r#"{"detail":"Not Found"}"#, Request, "base-url"),
        (429, r#"{"error":{"message":"Rate limit reached","type":"requests"}}"#, RateLimited, "concurrency"),
        (429, r#"{"error":{"message":"You exceeded…","code":"insufficient_quota"}}"#, Request, "top it up"),
        (402, r#"{"error":{"message":"Insufficient Balance"}}"#, Request, "top it up"),
        (400, r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#, Request, "shorten"),
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 8"}"#,
            Request,
            "shorten",
        ),
        (400, r#"{"error":{"message":"x","code":"content_filter"}}"#, Refused, "filter"),
        (400, r#"{"error":{"message":"x","code":"data_inspection_failed"}}"#, Refused, "filter"),
        (
            400,
            r#"[{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}]"#,
            Auth,
            "KEY",
        ),
        (500, "boom", Server, "boom"),
        (502, "<html>Bad gateway</html>", Server, "web page"),
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            Server,
            "Overloaded",
        ),
        (422, r#"{"detail":[{"loc":["body","top_k"],"msg":"bad"}]}"#, Request, "top_k"),
        (307, "", Request, "redirects"),
    ];
    for (code, body, class, word) in rows {
        let error = status(*code, body);
        assert_eq!(failure(&error), *class, "{code} {body}");
        assert!(error.to_string().contains(word), "{word} is not in: {error}");
        assert!(error.to_string().contains("openai:tiny"), "{error}");
    }
}

#[test]
fn an_error_object_with_status_200_is_classified_by_its_code() {
    use ModelFailure::*;
    let rows = [
        (r#"{"error":{"code":429,"message":"slow down"}}"#, RateLimited),
        (r#"{"error":{"code":502,"message":"upstream"}}"#, Server),
        (r#"{"error":{"type":"invalid_request_error","message":"no"}}"#, Request),
        (r#"{"error":"out of memory"}"#, Server),
    ];
    for (body, class) in rows {
        assert_eq!(failure(&site().error_object(body.as_bytes())), class, "{body}");
    }
}

#[test]
fn the_key_is_never_shown_even_when_the_server_echoes_it() {
    let body = format!("{{\"error\":{{\"message\":\"Incorrect API key: {KEY}\"}}}}");
    for error in [status(401, &body), status(500, KEY), site().error_object(body.as_bytes())] {
        assert!(!format!("{error:?} {error}").contains(KEY), "{error}");
    }
    assert!(!site().protocol("cut", KEY.as_bytes()).chain().contains(KEY));
}

#[test]
fn what_the_server_says_is_bounded() {
    let long = format!("{}{KEY}", "a ".repeat(100_000));
    assert!(status(500, &long).to_string().len() < 600);
}

#[test]
fn gemini_says_in_its_body_when_to_come_back() {
    let body = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"quota",
        "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}]}}"#;
    assert_eq!(status(429, body).retry_after(), Some(Duration::from_secs(34)));
}
