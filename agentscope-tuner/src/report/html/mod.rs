//! A run as one HTML page that needs no network: it opens from a disk, and can be sent by mail.
//!
//! [`Material`] is read from the directory of a run, [`page`] shows it. What models wrote reaches the page either through
//! the template, which escapes it, or as JSON in which no character can begin a tag; the page's policy forbids every script
//! but its own, and every request.

mod candidates;
mod conversations;
mod curves;
mod embed;
mod lineage;
mod material;
mod matrix;
mod plot;
#[cfg(test)]
mod tests;
mod tokens;

pub use conversations::Pieces;
pub use material::Material;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use plot::Drawing;
use serde::Serialize;

use crate::{
    error::{Error, ErrorKind, Result},
    strategy::{Outcome, percent},
};

const PARTS: [(&str, &str); 6] = [
    ("page.html", include_str!("templates/page.html")),
    ("candidates.html", include_str!("templates/candidates.html")),
    ("plot.html", include_str!("templates/plot.html")),
    ("matrix.html", include_str!("templates/matrix.html")),
    ("lineage.html", include_str!("templates/lineage.html")),
    ("conversations.html", include_str!("templates/conversations.html")),
];
const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/script.js");
const LIVE: &str = include_str!("templates/live.js");

/// Where a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In a file, as it is.
    File,
    /// By a server that tells under `version` when the run has gone on.
    Live,
}

/// What the templates show.
#[derive(Serialize)]
struct View<'a> {
    title: String,
    name: &'a str,
    headline: String,
    stopped: Option<&'a str>,
    tiles: Vec<candidates::Tile>,
    candidates: Option<Vec<candidates::Row>>,
    confidence: String,
    weighing: Option<candidates::Weighed<'a>>,
    front: &'a [String],
    plots: Vec<Drawing>,
    lineage: Vec<lineage::Node>,
    matrix: matrix::Matrix,
    names: &'a [String],
    /// JSON, safe inside HTML.
    conversations: &'a str,
    shown: usize,
    left_out: usize,
    most: usize,
    style: &'static str,
    script: &'static str,
    live: Option<&'static str>,
    nonce: String,
}

/// The page of a run; `pieces` spells token ids, where vocabularies are at hand.
///
/// # Errors
/// [`ErrorKind::Store`] when a conversation cannot be read.
pub fn page(material: &Material, pieces: &Pieces<'_>, mode: Mode) -> Result<String> {
    let outcome = material.outcome.as_ref();
    let names = names(material);
    let colour = |name: &str| names.iter().position(|known| known == name).unwrap_or_default();
    let conversations = conversations::embedded(material, pieces)?;
    let places = conversations.records.iter().enumerate().map(|(place, record)| (*record, place)).collect();
    let view = View {
        title: format!("{} {}", outcome.map_or("run", |outcome| &outcome.strategy), material.name),
        name: &material.name,
        headline: headline(outcome),
        stopped: outcome.and_then(|outcome| outcome.stopped.as_deref()),
        tiles: candidates::tiles(material),
        candidates: outcome.map(|outcome| candidates::rows(outcome, colour)),
        confidence: outcome.map_or_else(String::new, |outcome| percent(outcome.confidence)),
        weighing: outcome.and_then(|outcome| outcome.weighing.as_ref()).map(candidates::weighed),
        front: outcome.map_or(&[], |outcome| &outcome.front),
        plots: plots(material, colour),
        lineage: lineage::lineage(&material.proposals),
        matrix: matrix::matrix(material, &names, &places),
        names: &names,
        conversations: &conversations.json,
        shown: conversations.records.len(),
        left_out: conversations.left_out,
        most: conversations::MOST,
        style: STYLE,
        script: SCRIPT,
        live: (mode == Mode::Live).then_some(LIVE),
        nonce: nonce(&conversations.json),
    };
    let environment = environment().map_err(unmade)?;
    let template = environment.get_template("page.html").map_err(unmade)?;
    template.render(Serde(&view)).map_err(unmade)
}

fn plots(material: &Material, colour: impl Fn(&str) -> usize) -> Vec<Drawing> {
    let winner = material.outcome.as_ref().and_then(|outcome| outcome.winner.as_deref());
    let race = material.course.iter().filter_map(|course| plot::race::race(course, winner));
    let pareto = material.outcome.iter().flat_map(|outcome| plot::pareto::pareto(outcome, &colour));
    race.chain(pareto).chain(curves::curves(&material.series)).collect()
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    for (name, text) in PARTS {
        environment.add_template(name, text)?;
    }
    Ok(environment)
}

fn unmade(error: minijinja::Error) -> Error {
    Error::new(ErrorKind::Other, "the report cannot be made").with_source(error)
}

/// Names a page's own scripts and styles. It depends on what models wrote, so none of them can have known it.
fn nonce(content: &str) -> String {
    blake3::hash(content.as_bytes()).to_hex()[..32].to_owned()
}

fn headline(outcome: Option<&Outcome>) -> String {
    match outcome {
        Some(outcome) => outcome.headline.clone(),
        None => "This run has no result yet: it goes on, or it was stopped and can be resumed.".to_owned(),
    }
}

/// The candidates: in the order of the race, else best first; then those that are only in the journal.
fn names(material: &Material) -> Vec<String> {
    let raced = material.course.iter().flat_map(|course| &course.lanes).map(|lane| &lane.candidate);
    let summaries = |outcome: &'_ Outcome| -> Vec<String> {
        outcome.candidates.iter().map(|one| one.candidate.name.clone()).collect()
    };
    let ranked = material.outcome.as_ref().map(summaries).unwrap_or_default();
    let journal = material.records.iter().map(|(_, record)| &record.candidate);
    let mut names: Vec<String> = Vec::new();
    for name in raced.chain(&ranked).chain(journal) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}
