//! The lines of standard input.

use std::io::{BufRead as _, Read as _};

use tokio::sync::mpsc;

/// Longest line, in bytes.
const MOST_LINE: usize = 64 << 20;

/// A line that is not empty.
pub(super) struct Given {
    /// Its number, from 1.
    pub(super) line: usize,
    /// What it says; `None` where it is too long.
    pub(super) text: Option<Vec<u8>>,
}

/// What is too long says nothing.
impl AsRef<[u8]> for Given {
    fn as_ref(&self) -> &[u8] {
        self.text.as_deref().unwrap_or_default()
    }
}

/// Reads ahead by at most `ahead` lines. A thread of its own waits for input: the program can end while it does.
pub(super) fn read_stdin(ahead: usize) -> mpsc::Receiver<Given> {
    let (sender, receiver) = mpsc::channel(ahead.max(1));
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        for line in 1.. {
            let mut text = Vec::new();
            let read = input.by_ref().take(MOST_LINE as u64 + 1).read_until(b'\n', &mut text);
            if !matches!(read, Ok(1..)) {
                break;
            }
            let too_long = text.len() > MOST_LINE;
            if too_long && !text.ends_with(b"\n") {
                _ = input.skip_until(b'\n');
            }
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let text = (!too_long).then_some(text);
            if sender.blocking_send(Given { line, text }).is_err() {
                break;
            }
        }
    });
    receiver
}
