//! Progress on standard error: a bar on a terminal, a line now and then in a pipe.

use std::{
    convert::Infallible,
    fmt::Write as _,
    io::IsTerminal as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::show;
use crate::rollout::Engine;

const BAR_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The bar on the screen, while there is one: other lines must go above it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Shows a line above the bar.
pub(super) fn say(line: &str) {
    match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(|| show::note(line)),
        None => show::note(line),
    }
}

/// Shows how far `engine` is until it is dropped.
pub(super) async fn show(engine: &Engine) -> Infallible {
    if std::io::stderr().is_terminal() { bar(engine).await } else { lines(engine).await }
}

/// The last word: what there is to say once the run has ended.
pub(super) fn done(engine: &Engine) {
    if engine.progress().total > 0 {
        show::note(&text(engine));
    }
}

async fn bar(engine: &Engine) -> Infallible {
    let style = ProgressStyle::with_template("{bar:24.cyan/dim} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = Cleared(ProgressBar::new(0).with_style(style));
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.0.clone());
    loop {
        let progress = engine.progress();
        bar.0.set_length(progress.total as u64);
        bar.0.set_position(progress.done as u64);
        bar.0.set_message(text(engine));
        tokio::time::sleep(BAR_EVERY).await;
    }
}

/// Takes the bar off the screen, however its future ends.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        *BAR.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.finish_and_clear();
    }
}

async fn lines(engine: &Engine) -> Infallible {
    loop {
        tokio::time::sleep(LINE_EVERY).await;
        show::note(&text(engine));
    }
}

fn text(engine: &Engine) -> String {
    let progress = engine.progress();
    let mut text = format!("{}/{} rollouts", progress.done, progress.total);
    let parts = [
        Some(format!("{:.1}/s", progress.rate())).filter(|_| progress.done > progress.resumed),
        progress.eta().filter(|_| progress.done < progress.total).map(|eta| format!("{} left", short(eta))),
        progress.mean().map(|mean| format!("mean {mean:.3}")),
        Some(format!("{} from the journal", progress.resumed)).filter(|_| progress.resumed > 0),
        Some(format!("{} failed", progress.task_failed)).filter(|_| progress.task_failed > 0),
        Some(format!("{} left out", progress.excluded)).filter(|_| progress.excluded > 0),
        spend(engine),
    ];
    for part in parts.into_iter().flatten() {
        // Writing into a string cannot fail.
        _ = write!(text, ", {part}");
    }
    text
}

fn spend(engine: &Engine) -> Option<String> {
    let spent = engine.spent();
    match (spent.calls, spent.unpriced_calls) {
        (0, _) => None,
        (_, 0) => Some(spent.usd.to_string()),
        (calls, _) => Some(format!("{calls} calls")),
    }
}

fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}
