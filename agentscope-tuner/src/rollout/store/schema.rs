//! The tables, and how the file is opened.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::store_error;
use crate::error::{Error, ErrorKind, Result};

/// Raised with every change of the tables.
const VERSION: i64 = 3;
/// Marks the file as ours: "AsTu".
const APPLICATION: i64 = 0x4173_5475;

/// Bytes of a page: texts fill pages one after another, and each page that a commit writes is a call of the system.
const PAGE: u32 = 16 << 10;
/// Pages in the write-ahead log after which they are moved into the file: 32 MiB.
const CHECKPOINT: u32 = 2048;

const TABLES: &str = "
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE candidate (
    hash  BLOB PRIMARY KEY,
    json  TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE call (
    key           BLOB NOT NULL UNIQUE,
    model         TEXT NOT NULL,
    request       TEXT NOT NULL,
    response      TEXT NOT NULL,
    input_tokens  INTEGER,          -- NULL: the provider did not say
    output_tokens INTEGER,
    picodollars   INTEGER           -- NULL: price or tokens are unknown
);
CREATE TABLE charge (
    model         TEXT NOT NULL,
    input_tokens  INTEGER NOT NULL, -- upper bounds: the answer never arrived
    output_tokens INTEGER NOT NULL,
    picodollars   INTEGER
);
CREATE TABLE rollout (
    key    BLOB NOT NULL,           -- run again, a rollout has several rows: the last one counts
    status TEXT NOT NULL,
    reward REAL,
    record TEXT NOT NULL
);
CREATE TABLE metric (
    step  INTEGER NOT NULL,
    name  TEXT NOT NULL,
    value REAL,                     -- NULL: not a finite number
    PRIMARY KEY (step, name)
) WITHOUT ROWID;
";

/// Opens for writing, alone.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let shown = path.display();
    let mut connection =
        Connection::open(path).map_err(|error| store_error(&format!("open the run store {shown}"), error))?;
    prepare(&mut connection).map_err(|error| explain(path, error))?;
    check(&connection, path)?;
    Ok(connection)
}

/// Opens a store that others may write, to look at it.
///
/// The connection may write, but is told not to: only so it can take its files away again when it is the last one.
pub(super) fn open_view(path: &Path) -> Result<Connection> {
    let connection = open_existing(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let refuses = connection.pragma_update(None, "query_only", true);
    refuses.map_err(|error| explain(path, error))?;
    check(&connection, path)?;
    Ok(connection)
}

/// Opens beside the writer, for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    open_existing(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn open_existing(path: &Path, access: OpenFlags) -> Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|error| store_error(&format!("read the run store {}", path.display()), error))?;
    connection
        .busy_timeout(Duration::from_secs(5))
        .map_err(|error| store_error("set up the run store", error))?;
    Ok(connection)
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_millis(500))?;
    // Of a new file; one that exists keeps its own.
    connection.pragma_update(None, "page_size", PAGE)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A killed process loses nothing; only a power cut can take the last group.
    connection.pragma_update(None, "synchronous", "normal")?;
    // Pages of an index are dirtied at random: the longer they gather, the fewer are written.
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let empty: bool =
        transaction.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
    if empty {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()
}

fn check(connection: &Connection, path: &Path) -> Result<()> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let read = pragma("application_id").and_then(|application| Ok((application, pragma("user_version")?)));
    let shown = path.display();
    match read.map_err(|error| explain(path, error))? {
        (APPLICATION, VERSION) => Ok(()),
        (APPLICATION, other) => Err(Error::new(
            ErrorKind::Store,
            format!(
                "{shown} was written by another version (format {other}, this program reads {VERSION}): resume it with that version, or start a new run"
            ),
        )),
        _ => Err(Error::new(ErrorKind::Store, format!("{shown} is a database, but not a run store"))),
    }
}

fn explain(path: &Path, error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{DatabaseBusy, NotADatabase};
    let shown = path.display();
    let doing = match error.sqlite_error_code() {
        Some(DatabaseBusy) => {
            format!("write to {shown}: another process has it open; wait for it or stop it")
        }
        Some(NotADatabase) => format!("read {shown}: it is not a run store, or it is damaged"),
        _ => format!("set up the run store {shown}"),
    };
    store_error(&doing, error)
}
