//! The API key: read once, sent in one header, shown nowhere.

use std::{borrow::Cow, fmt};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{Error, ErrorKind, Result};

/// An API key, or none, with the place it comes from.
#[derive(Clone, Default)]
pub(crate) struct ApiKey {
    secret: Option<SecretString>,
    variable: Option<String>,
}

impl ApiKey {
    /// The key that `variable` holds.
    pub(crate) fn from_variable(variable: impl Into<String>, secret: String) -> Self {
        Self { secret: Some(secret.into()), variable: Some(variable.into()) }
    }

    /// A key that the program passed itself.
    pub(crate) fn given(secret: SecretString) -> Self {
        Self { secret: Some(secret), variable: None }
    }

    /// Whether there is a key to send.
    pub(crate) fn is_some(&self) -> bool {
        self.secret.is_some()
    }

    /// What a user should look at when the key is refused.
    pub(crate) fn whereabouts(&self) -> String {
        match (&self.variable, self.is_some()) {
            (Some(variable), _) => format!("check the key in the environment variable {variable}"),
            (None, true) => "check the key passed to `api_key`".into(),
            (None, false) => "no key was sent: name the variable that holds it with `api-key-env`".into(),
        }
    }

    /// The value of a header, `prefix` before the key; marked so that HTTP libraries never log it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when the key holds line breaks or other characters that no header can carry.
    pub(crate) fn header(&self, prefix: &str) -> Result<Option<HeaderValue>> {
        let Some(secret) = &self.secret else { return Ok(None) };
        // The parse error would quote the key, so it is not kept as the source.
        let mut value =
            HeaderValue::from_str(&format!("{prefix}{}", secret.expose_secret())).map_err(|_| {
                let place = self.variable.as_deref().unwrap_or("`api_key`");
                let message =
                    format!("the key in {place} holds a line break or another character no header can carry");
                Error::new(ErrorKind::Config, message)
            })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// `text` without the key, should a server echo it.
    pub(crate) fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.secret.as_ref().map(|secret| secret.expose_secret()) {
            Some(secret) if !secret.is_empty() && text.contains(secret) => {
                text.replace(secret, "[key]").into()
            }
            _ => text.into(),
        }
    }

    /// Equal for equal keys; says nothing else about them.
    pub(crate) fn fingerprint(&self) -> u64 {
        let Some(secret) = &self.secret else { return 0 };
        let hash = blake3::derive_key(
            "agentscope-tuner 2025 API key fingerprint",
            secret.expose_secret().as_bytes(),
        );
        u64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("variable", &self.variable).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_in_its_header_and_nowhere_else() {
        let key = ApiKey::from_variable("MY_KEY", "sk-tell-nobody".into());
        let header = key.header("Bearer ").unwrap().unwrap();
        assert_eq!(header.as_bytes(), b"Bearer sk-tell-nobody");
        for shown in [format!("{key:?}"), format!("{header:?}"), key.whereabouts()] {
            assert!(!shown.contains("tell-nobody"), "{shown}");
        }
        assert_eq!(key.scrub("bad key: sk-tell-nobody!"), "bad key: [key]!");
    }

    #[test]
    fn a_key_that_no_header_can_carry_is_refused_without_showing_it() {
        let error = ApiKey::from_variable("MY_KEY", "sk-a\nb".into()).header("").unwrap_err();
        assert!(error.chain().contains("MY_KEY") && !error.chain().contains("sk-a"), "{error}");
    }

    #[test]
    fn equal_keys_share_their_fingerprint() {
        let print = |key: &str| ApiKey::given(key.to_owned().into()).fingerprint();
        assert_eq!(print("a"), print("a"));
        assert_ne!(print("a"), print("b"));
    }
}
