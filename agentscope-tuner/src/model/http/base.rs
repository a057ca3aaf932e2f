//! What is fixed before the first request: the base URL, the headers, the pool of connections.

use std::{net::IpAddr, time::Duration};

use reqwest::{
    Client, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use super::{CONNECT_TIMEOUT, Target};
use crate::error::{Error, ErrorKind, Result};

/// Checks a base URL; the result ends in a slash, so that paths can be joined to it.
///
/// # Errors
/// [`ErrorKind::Config`] says what is wrong with it.
pub(crate) fn base_url(text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::new(ErrorKind::Config, format!("base-url `{}` {why}", without_user(text)));
    let mut url = Url::parse(text)
        .map_err(|error| wrong("is no URL that starts with http:// or https://").with_source(error))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("must start with http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a user or password; put the secret in a variable and name it with api-key-env",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must not have a query (?) or fragment (#)"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn without_user(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(start), Some(end)) if start + 3 < end => format!("{}…{}", &text[..start + 3], &text[end..]),
        _ => text.to_owned(),
    }
}

pub(super) fn headers(target: &Target<'_>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (name, prefix) = &target.key_header;
    if let Some(value) = target.key.header(prefix)? {
        headers.insert(name.clone(), value);
    }
    for (name, value) in target.headers {
        let (name, value) = header(name, value).map_err(|fault| Error::new(ErrorKind::Config, fault))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// A header of `tuner.toml`, or what is wrong with it. The value is not quoted: users do put secrets there.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = |what: &str| format!("headers.{name:?} has {what} that HTTP does not allow");
    let header = name.parse().map_err(|_| wrong("a name"))?;
    let value = value.parse().map_err(|_| wrong("a value"))?;
    Ok((header, value))
}

/// A client of which each call takes no longer than `timeout`, unless it says otherwise: what each of them says is copied
/// several times on its way.
pub(super) fn client(base: &Url, timeout: Duration) -> Result<Client> {
    let builder = Client::builder()
        .timeout(timeout)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none())
        .user_agent(concat!("agentscope-tuner/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true);
    // A proxy for the outside world cannot reach what runs on this machine.
    let builder = if is_loopback(base) { builder.no_proxy() } else { builder };
    builder
        .build()
        .map_err(|error| Error::new(ErrorKind::Config, "no HTTP client can be made").with_source(error))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_gets_its_slash_or_says_what_is_wrong() {
        assert_eq!(base_url("http://127.0.0.1:8000/v1").unwrap().as_str(), "http://127.0.0.1:8000/v1/");
        assert!(base_url("localhost:8000/v1").unwrap_err().to_string().contains("http://"));
        assert!(base_url("http://").is_err());
        assert!(base_url("https://a/v1?key=b").unwrap_err().to_string().contains("query"));
    }

    #[test]
    fn a_password_in_a_base_url_is_refused_without_showing_it() {
        let error = base_url("https://me:hunter2@example.org/v1").unwrap_err();
        assert!(error.to_string().contains("api-key-env"), "{error}");
        assert!(!error.chain().contains("hunter2"), "{error:?}");
    }

    #[test]
    fn loopback_needs_no_proxy() {
        for (url, local) in
            [("http://127.0.0.1:1", true), ("http://[::1]:1", true), ("http://example.org", false)]
        {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), local, "{url}");
        }
    }
}
