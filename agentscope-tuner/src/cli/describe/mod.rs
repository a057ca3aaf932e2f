//! `describe`: this program's own documentation, made from its code.

mod keys;

use std::process::ExitCode;

use clap::{Arg, Command};
use clap_complete::{Shell, generate};

use super::{
    args::{COMMON, What},
    show,
};
use crate::{
    config::schema,
    error::{Error, ErrorKind, Result},
};

/// Prints `what` of the program whose command line is `command`.
pub(super) fn describe(command: Command, what: What) -> Result<ExitCode> {
    match what {
        What::Reference => show::line(&reference(&command)),
        What::Schema => show::json(&schema())?,
        What::Man => show::line(&man(command)?),
        What::Bash => show::line(&completions(command, Shell::Bash)),
        What::Zsh => show::line(&completions(command, Shell::Zsh)),
        What::Fish => show::line(&completions(command, Shell::Fish)),
        What::Elvish => show::line(&completions(command, Shell::Elvish)),
        What::PowerShell => show::line(&completions(command, Shell::PowerShell)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Every verb and every key, as Markdown.
fn reference(command: &Command) -> String {
    let options = clap_markdown::MarkdownOptions::new().show_footer(false).show_table_of_contents(false);
    let verbs = clap_markdown::help_markdown_command_custom(&common_once(command), &options);
    // The title and what comes with it are our own.
    let verbs = verbs.lines().skip_while(|line| !line.starts_with("## "));
    let verbs = verbs.map(|line| if line.starts_with("## ") { format!("#{line}") } else { line.to_owned() });
    let verbs = verbs.collect::<Vec<_>>().join("\n").replace("\n\n\n", "\n");
    let keys = keys::keys(&schema());
    format!("# Reference\n\n## Verbs\n\n{}\n\n## tuner.toml\n\n{keys}", verbs.trim_end())
}

/// The command line with what all verbs have in common shown at its head alone.
fn common_once(command: &Command) -> Command {
    let hidden = |arg: Arg| {
        let common = arg.get_help_heading() == Some(COMMON);
        arg.hide(common)
    };
    command.clone().mut_subcommands(|verb| verb.mut_args(hidden))
}

fn man(command: Command) -> Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Error::new(ErrorKind::Io, "the manual page cannot be written").with_source(error))?;
    Ok(String::from_utf8_lossy(&page).trim_end().to_owned())
}

fn completions(mut command: Command, shell: Shell) -> String {
    let (name, mut script) = (command.get_name().to_owned(), Vec::new());
    generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).trim_end().to_owned()
}
