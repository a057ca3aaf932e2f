//! `cargo tuner new NAME`: a project that tunes an agent, and runs offline from its first minute.

mod name;
mod project;
mod source;
mod template;

use std::{ffi::OsString, io::Write as _, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use name::Name;
use source::Source;

/// Makes projects that tune LLM agents with agentscope-tuner
#[derive(Debug, Parser)]
#[command(name = "cargo-tuner", bin_name = "cargo tuner", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a project that builds and runs offline: an agent, a judge, rows, three small models
    New(New),
}

#[derive(Debug, Args)]
struct New {
    /// What the project is called; its directory is made here, under this name
    #[arg(value_name = "NAME", value_parser = Name::parse)]
    name: Name,
    /// Depend on the checkout of agentscope-tuner in this directory, instead of the registry's version
    #[arg(long, value_name = "DIR")]
    path: Option<std::path::PathBuf>,
    /// Depend on the newest commit of this repository, instead of the registry's version
    #[arg(long, value_name = "URL", conflicts_with = "path")]
    git: Option<String>,
}

fn main() -> ExitCode {
    let Verb::New(new) = Cli::parse_from(arguments(std::env::args_os())).verb;
    match make(&new) {
        Ok(said) => {
            // A reader that has gone away (`| head`) is no failure.
            _ = writeln!(anstream::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            _ = writeln!(anstream::stderr(), "error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments without the word `tuner`, which cargo puts before them.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    given.enumerate().filter(|(place, word)| *place != 1 || word != "tuner").map(|(_, word)| word).collect()
}

/// Makes the project; what there is to say of it, or why there is none.
fn make(new: &New) -> Result<String, String> {
    let source = match (&new.path, &new.git) {
        (Some(checkout), _) => Source::checkout(checkout)?,
        (None, Some(url)) => Source::Git(url.clone()),
        (None, None) => Source::Registry,
    };
    let files = template::files(&new.name, &source);
    let here = std::env::current_dir().map_err(|error| format!("this directory cannot be read: {error}"))?;
    project::write(&here, &new.name, &files)?;
    Ok(format!(
        "made {name}: {count} files\n\n  cd {name}\n  cargo run -- eval      # how good the agent is\n  \
         cargo run -- select    # which model is best\n  cargo run -- prompt    # a better prompt\n  \
         cargo run -- weights   # better weights\n\nNothing of this needs a key. What comes next is in {name}/README.md.",
        name = new.name,
        count = files.len(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_cargo_adds_is_taken_away_once() {
        let taken = |words: &[&str]| arguments(words.iter().map(OsString::from));
        assert_eq!(taken(&["cargo-tuner", "tuner", "new", "tuner"]), ["cargo-tuner", "new", "tuner"]);
        assert_eq!(taken(&["cargo-tuner", "new", "tuner"]), ["cargo-tuner", "new", "tuner"]);
        assert_eq!(taken(&["cargo-tuner"]), ["cargo-tuner"]);
    }

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
