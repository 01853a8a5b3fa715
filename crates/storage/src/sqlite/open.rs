//! Opening the data directory: one process at a time, nobody else's file, no newer schema, no broken file.
//! A store of an older schema is brought to this program's in one transaction.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::{OpenError, audit};

/// The database's file in the data directory.
const FILE: &str = "causeway.db";
/// Held locked while a process uses the directory.
const LOCK: &str = "causeway.lock";
/// "Cway": tells our files from other SQLite files.
const APPLICATION: i32 = 0x4377_6179;
/// The schema that this program reads and writes.
const SCHEMA: i32 = 2;
const ADDED_BY_2: &str = include_str!("schema_2.sql");
/// A file up to this size is checked whole at start (some tens of milliseconds); a larger one when its pages are read.
const CHECKED_WHOLE: u64 = 16 << 20;
const STATEMENTS: usize = 128;
/// Bytes.
pub(super) const PAGE: u32 = 2048;
const MMAP: i64 = 1 << 30;

/// What an open store holds.
pub(super) struct Opened {
    pub(super) writer: Connection,
    pub(super) file: PathBuf,
    pub(super) lock: Lock,
}

/// The data directory is this process's until it is dropped.
pub(super) struct Lock(File);

impl Drop for Lock {
    /// Said aloud: a child that this process is about to start holds the same file for as long as it has not begun.
    fn drop(&mut self) {
        let _closing_it_says_the_same_later = self.0.unlock();
    }
}

pub(super) fn open(dir: &Path) -> Result<Opened, OpenError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| OpenError(format!("{}: {what}: {error}", dir.display()));
    if !dir.is_dir() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| failed("the data directory cannot be made", &error))?;
    }
    let lock = private_file(&dir.join(LOCK)).map_err(|error| failed("the data directory cannot be written", &error))?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => OpenError(format!("{}: another process uses this data directory", dir.display())),
        TryLockError::Error(error) => failed("the data directory cannot be locked", &error),
    })?;
    let file = dir.join(FILE);
    private_file(&file).map_err(|error| failed("the database cannot be opened for writing", &error))?;
    let writer = prepare(&file).map_err(|why| OpenError(format!("{}: {why}", file.display())))?;
    Ok(Opened { writer, file, lock: Lock(lock) })
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Opens, recognises and checks the file; makes the tables of a new one.
fn prepare(file: &Path) -> Result<Connection, String> {
    let unreadable = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => "this is not a Causeway database".to_owned(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            format!("the database is damaged ({error}): restore it from a backup")
        }
        _ => format!("the database cannot be opened: {error}"),
    };
    let db = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(unreadable)?;
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(unreadable);
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(unreadable)?;
    if tables == 0 {
        create(&db).map_err(|error| format!("the database cannot be made: {error}"))?;
    } else if number("application_id")? != APPLICATION {
        return Err("this is not a Causeway database".to_owned());
    }
    let schema = number("user_version")?;
    if !(1..=SCHEMA).contains(&schema) {
        return Err(format!("the database has schema {schema}, and this program knows only {SCHEMA}: use a newer one"));
    }
    check(&db, file).map_err(|why| format!("the database is damaged ({why}): restore it from a backup"))?;
    // Never set before the file was recognised: it writes.
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(unreadable)?;
    db.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;",
    )
    .map_err(unreadable)?;
    if schema < SCHEMA {
        migrate(&db).map_err(|error| {
            format!("the database stays at schema {schema}, it could not be brought to {SCHEMA}: {error}")
        })?;
    }
    Ok(db)
}

fn create(db: &Connection) -> rusqlite::Result<()> {
    // Half the usual: a refresh writes one page to the log, and families lie in the order of time, used in any order.
    db.pragma_update(None, "page_size", PAGE)?;
    let transaction = db.unchecked_transaction()?;
    db.execute_batch(include_str!("schema.sql"))?;
    db.execute_batch(ADDED_BY_2)?;
    db.pragma_update(None, "application_id", APPLICATION)?;
    db.pragma_update(None, "user_version", SCHEMA)?;
    db.execute("INSERT INTO meta VALUES (1, 0, 0, 0, ?1)", [audit::START])?;
    transaction.commit()
}

/// From schema 1, whole or not at all.
fn migrate(db: &Connection) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(db, TransactionBehavior::Immediate)?;
    db.execute_batch(include_str!("from_1_to_2.sql"))?;
    db.execute_batch(ADDED_BY_2)?;
    db.pragma_update(None, "user_version", SCHEMA)?;
    transaction.commit()
}

fn check(db: &Connection, file: &Path) -> Result<(), String> {
    let whole = file.metadata().is_ok_and(|about| about.len() <= CHECKED_WHOLE);
    let verdict: Result<String, _> = match whole {
        true => db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)),
        false => db.query_row("SELECT 'ok' FROM meta WHERE one = 1", [], |row| row.get(0)),
    };
    match verdict {
        Ok(fine) if fine == "ok" => Ok(()),
        Ok(why) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

/// The database's file in a directory that another process may be serving, if it is one of ours and of this schema.
pub(super) fn readable(dir: &Path) -> Result<PathBuf, OpenError> {
    let file = dir.join(FILE);
    let failed = |why: String| OpenError(format!("{}: {why}", file.display()));
    if !file.is_file() {
        return Err(failed("there is no Causeway database here".to_owned()));
    }
    let number = |pragma: &str| reader(&file).and_then(|db| db.pragma_query_value(None, pragma, |row| row.get(0)));
    match (number("application_id"), number("user_version")) {
        (Ok(APPLICATION), Ok(SCHEMA)) => Ok(file),
        (Ok(APPLICATION), Ok(other)) => Err(failed(format!(
            "the database has schema {other}, and this program reads {SCHEMA}: start the server with it once"
        ))),
        (Err(error), _) | (_, Err(error)) => Err(failed(error.to_string())),
        _ => Err(failed("this is not a Causeway database".to_owned())),
    }
}

/// One more connection that only reads.
pub(super) fn reader(file: &Path) -> rusqlite::Result<Connection> {
    let db = connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.pragma_update_and_check(None, "mmap_size", MMAP, |_| Ok(()))?;
    db.execute_batch("PRAGMA query_only = 1; PRAGMA cache_size = -2048;")?;
    Ok(db)
}

pub(super) fn connect(file: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(file, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans depend on statements alone. Without this a statement is compiled anew whenever a parameter that an index
    // could answer is bound to another value: half the throughput.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(db)
}
