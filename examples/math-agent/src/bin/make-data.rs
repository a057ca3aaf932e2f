//! Makes the dataset of this example: `cargo run -p math-agent --bin make-data`, run in the example's directory.

use std::{fs, io::Write as _, path::Path};

use agentscope_tuner::seed;
use serde_json::json;

const SEED: u64 = 20;
const NAMES: [&str; 8] = ["Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hugo"];
const THINGS: [&str; 6] = ["apples", "books", "coins", "marbles", "pencils", "stamps"];

fn main() -> std::io::Result<()> {
    let data = Path::new("data");
    fs::create_dir_all(data)?;
    // Rows are numbered through, so that no problem of one split can be drawn for the other.
    write(&data.join("train.jsonl"), 0..300)?;
    write(&data.join("test.jsonl"), 300..500)
}

fn write(path: &Path, rows: std::ops::Range<u64>) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    for row in rows {
        let (question, answer) = problem(row);
        writeln!(file, "{}", json!({"question": question, "answer": answer.to_string()}))?;
    }
    file.flush()
}

fn problem(row: u64) -> (String, u64) {
    let below = |what: &str, n: u64| seed::draw(SEED, what, [&row.to_le_bytes()[..]]) % n;
    let pick = |what: &str, list: &[&'static str]| {
        usize::try_from(below(what, list.len() as u64)).map_or(list[0], |index| list[index])
    };
    let (name, things) = (pick("name", &NAMES), pick("things", &THINGS));
    let (a, b) = (2 + below("a", 98), 2 + below("b", 98));
    match row % 3 {
        0 => (
            format!("{name} has {a} {things} and gets {b} more. How many {things} does {name} have now?"),
            a + b,
        ),
        1 => {
            let (a, b) = (a.max(b), a.min(b));
            (format!("{name} has {a} {things} and gives away {b}. How many {things} are left?"), a - b)
        }
        _ => {
            let (boxes, each) = (2 + a % 11, 2 + b % 11);
            (
                format!("{name} has {boxes} boxes with {each} {things} each. How many {things} is that?"),
                boxes * each,
            )
        }
    }
}
