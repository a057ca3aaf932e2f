//! `[profiles.NAME]`: settings that are laid over the others when asked for, such as real endpoints.

use toml::{Table, Value};

use crate::{
    error::{Error, ErrorKind, Result},
    text::did_you_mean,
};

/// Takes the profiles out of `table` and lays the one of this name over the rest.
///
/// # Errors
/// [`ErrorKind::Usage`] that lists the profiles when there is none of this name.
pub(super) fn apply(table: &mut Table, profile: Option<&str>) -> Result<()> {
    let profiles = match table.remove("profiles") {
        Some(Value::Table(profiles)) => profiles,
        Some(_) => {
            return Err(Error::new(ErrorKind::Config, "`profiles` is a value: write [profiles.NAME] tables"));
        }
        None => Table::new(),
    };
    let Some(name) = profile else { return Ok(()) };
    match profiles.get(name) {
        Some(Value::Table(over)) => {
            lay(table, over);
            Ok(())
        }
        _ => {
            let hint = did_you_mean(name, profiles.keys().map(String::as_str));
            let message =
                format!("there is no profile `{name}`: add a [profiles.{name}] table to tuner.toml; {hint}");
            Err(Error::new(ErrorKind::Usage, message))
        }
    }
}

/// Tables are merged; any other value replaces what was there.
pub(super) fn lay(table: &mut Table, over: &Table) {
    for (key, value) in over {
        match (table.get_mut(key), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => lay(inner, over),
            _ => _ = table.insert(key.clone(), value.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_laid_over_the_rest() {
        let text = "a = 1\n[t]\nx = 1\ny = 2\n[profiles.live]\nt.x = 9\nb = 3";
        let mut table: Table = text.parse().unwrap();
        apply(&mut table, Some("live")).unwrap();
        assert_eq!(table, "a = 1\nb = 3\n[t]\nx = 9\ny = 2".parse().unwrap());
    }

    #[test]
    fn an_unknown_profile_is_an_error_and_none_is_left_out() {
        let text = "[profiles.live]\nb = 3";
        let error = apply(&mut text.parse().unwrap(), Some("lvie")).unwrap_err().to_string();
        assert!(error.contains("did you mean `live`"), "{error}");
        let mut table: Table = text.parse().unwrap();
        apply(&mut table, None).unwrap();
        assert!(table.is_empty());
    }
}
