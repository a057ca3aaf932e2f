//! What a program sees of the environment of this one.

use std::ffi::OsStr;

use tokio::process::Command;

/// Ends of the names of variables that hold secrets.
const SECRETS: [&str; 4] = ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD"];
/// Which hosts are reached without a proxy; clients read one spelling or the other.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
const LOOPBACK: &str = "127.0.0.1,localhost";

/// Hides secrets, those of `passed` excepted, and keeps calls to this machine away from proxies.
pub(super) fn prepare(command: &mut Command, passed: &[String]) {
    for (name, _) in std::env::vars_os() {
        let shown = passed.iter().any(|passed| OsStr::new(passed) == name);
        if !shown && is_secret(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    for name in NO_PROXY {
        let hosts = std::env::var(name).unwrap_or_default();
        let hosts = if hosts.is_empty() { LOOPBACK.to_owned() } else { format!("{hosts},{LOOPBACK}") };
        command.env(name, hosts);
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRETS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_are_told_by_their_names() {
        assert!(
            ["OPENAI_API_KEY", "HF_TOKEN", "db_password", "AWS_SECRET_ACCESS_KEY"].map(is_secret)
                == [true; 4]
        );
        assert!(["PATH", "HOME", "KEYBOARD", "TOKENIZERS_PARALLELISM"].map(is_secret) == [false; 4]);
    }
}
