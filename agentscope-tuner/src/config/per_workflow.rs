//! `[per-workflow.NAME]`: settings that are laid over the others when the workflow NAME is the one that is run.

use toml::{Table, Value};

use super::{Override, overrides, profile::lay};
use crate::{
    error::{Error, ErrorKind, Result},
    registry::Registry,
    text::did_you_mean,
};

const KEY: &str = "per-workflow";

/// Takes the tables of workflows out of `table`, lays that of its `workflow` over the rest, and `overrides`, which it has already,
/// over that. Gives the names of all.
///
/// # Errors
/// [`ErrorKind::Config`] when one is no table, or chooses a workflow itself.
pub(super) fn apply(table: &mut Table, overrides: &[Override]) -> Result<Vec<String>> {
    let fault = |message: String| Err(Error::new(ErrorKind::Config, message));
    let own = match table.remove(KEY) {
        Some(Value::Table(own)) => own,
        Some(_) => return fault(format!("`{KEY}` is a value: write [{KEY}.NAME] tables")),
        None => return Ok(Vec::new()),
    };
    for (name, settings) in &own {
        match settings {
            Value::Table(settings) if settings.contains_key("workflow") => {
                return fault(format!(
                    "[{KEY}.{name}] names a workflow, but is for `{name}` alone: leave `workflow` out there"
                ));
            }
            Value::Table(_) => {}
            _ => return fault(format!("`{KEY}.{name}` is a value: write a table [{KEY}.{name}]")),
        }
    }
    let chosen = table.get("workflow").and_then(Value::as_str).and_then(|name| own.get(name));
    if let Some(Value::Table(chosen)) = chosen {
        lay(table, chosen);
        overrides::apply(table, overrides)?;
        // Overrides may be of these tables too.
        table.remove(KEY);
    }
    Ok(own.into_iter().map(|(name, _)| name).collect())
}

/// Whether all of `names` are workflows, and none of them is run without having been chosen by name.
///
/// # Errors
/// [`ErrorKind::Config`] with the remedy.
pub(super) fn check(names: &[String], chosen: Option<&str>, registry: &Registry) -> Result<()> {
    let known = || registry.workflows().iter().map(|workflow| workflow.meta.name);
    let fault = |message: String| Err(Error::new(ErrorKind::Config, message));
    if let Some(name) = names.iter().find(|name| !known().any(|known| known == name.as_str())) {
        let hint = did_you_mean(name, known());
        return fault(format!("[{KEY}.{name}]: there is no workflow `{name}`; {hint}"));
    }
    match (names, registry.workflows()) {
        ([name], [_]) if chosen.is_none() => fault(format!(
            "[{KEY}.{name}] counts where the workflow is chosen by name: write `workflow = \"{name}\"` at the top of the file"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Override};

    const TEXT: &str = "judge = \"all\"\n[budget]\ncalls = 5\n[profiles.live]\njudge = \"live\"\n\
                        [per-workflow.write]\njudge = \"style\"\nbudget.tokens = 9\n[per-workflow.read]\nseed = 3";

    fn read(profile: Option<&str>, overrides: &[Override]) -> Result<Config> {
        Config::parse(TEXT, "tuner.toml", "".into(), profile, overrides)
    }

    #[test]
    fn the_chosen_workflow_brings_its_settings() {
        let write = [Override::new("workflow", "write")];
        let config = read(Some("live"), &write).unwrap();
        assert_eq!(config.file.judge.as_deref(), Some("style"));
        assert_eq!((config.file.budget.calls, config.file.budget.tokens), (Some(5), Some(9)));
        assert_eq!(read(Some("live"), &[]).unwrap().file.judge.as_deref(), Some("live"));
        assert_eq!(read(None, &[Override::new("workflow", "read")]).unwrap().file.seed, 3);
        // What a resumed run reads has them already, and flags go before them.
        let again = Config::parse(&config.snapshot, "again", "".into(), None, &[]).unwrap();
        assert_eq!(again.file, config.file);
        let flag = [write[0].clone(), Override::new("judge", "flag")];
        assert_eq!(read(None, &flag).unwrap().file.judge.as_deref(), Some("flag"));
        // So do settings of one workflow that a flag gives.
        let set = [write[0].clone(), Override::new("per-workflow.write.judge", "set")];
        assert_eq!(read(None, &set).unwrap().file.judge.as_deref(), Some("set"));
    }

    #[test]
    fn names_and_kinds_are_checked() {
        let fault = |text: &str| Config::parse(text, "t", "".into(), None, &[]).unwrap_err().to_string();
        assert!(fault("per-workflow = 1").contains("[per-workflow.NAME]"));
        assert!(fault("per-workflow.a = 1").contains("[per-workflow.a]"));
        assert!(fault("[per-workflow.a]\nworkflow = \"b\"").contains("leave `workflow` out"));
        let text = "[workflows.solve]\ncommand = [\"true\"]\n[per-workflow.NAME]\nseed = 1";
        let check = |name: &str, chosen: &[Override]| {
            let config = Config::parse(&text.replace("NAME", name), "t", "".into(), None, chosen).unwrap();
            let registry = Registry::builder().entries(config.workflows()).build().unwrap();
            config.check_names(&registry).map_err(|error| error.to_string())
        };
        assert!(check("sovle", &[]).unwrap_err().contains("did you mean `solve`"));
        assert!(check("solve", &[]).unwrap_err().contains("workflow = \"solve\""));
        assert_eq!(check("solve", &[Override::new("workflow", "solve")]), Ok(()));
    }
}
