//! How many pages of the database's file one act of the server reads, from a fresh start: a small C library in front of the
//! server counts its reads of `causeway.db` (xtask/pages.c), because a mapped file's pages could not be counted.
//!
//! A page that was read stays in SQLite's cache, so the count is of different pages, as on a cold start.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use super::rig::{self, PLATFORM, Rig};
use crate::house::House;
use crate::server::Server;
use crate::shell;

/// More than the size up to which a file is checked whole.
const PADDING: &str = "20000000";
/// Long enough for every job to run once.
const JOBS: Duration = Duration::from_secs(3);

/// Something that a person, an app or the server itself does.
struct Act {
    name: &'static str,
    /// More pages than in the small store that are no problem: a B-tree is a level or two higher.
    slack: u64,
    run: fn(&Rig<'_>, &Server) -> Result<(), String>,
}

fn wait_for_jobs() -> Result<(), String> {
    thread::sleep(JOBS);
    Ok(())
}

/// Two for each request that is a page, a list, a job or a start; a refresh looks into two large tables; the last is five
/// requests.
const ACTS: &[Act] = &[
    Act { name: "start", slack: 2, run: |_, _| Ok(()) },
    Act { name: "jobs", slack: 2, run: |_, _| wait_for_jobs() },
    Act {
        name: "list of connections",
        slack: 2,
        run: |_, server| curl(server, "admin_url", "/admin/connections", true),
    },
    Act {
        name: "guard check",
        slack: 2,
        run: |rig, server| load(rig, server, &["get", "--path", "/v1/sites", "--bearers", "1"]),
    },
    Act { name: "refresh", slack: 4, run: |rig, server| load(rig, server, &["refresh", "--requests", "1"]) },
    Act { name: "sign-in, consent, exchange", slack: 10, run: connect },
];

/// Every act on both stores; an error names those that read more than they may.
pub(super) fn compare(small: &Rig<'_>, large: &Rig<'_>) -> Result<(), String> {
    let library = build(small.house)?;
    let small = &padded(small)?;
    let mut problems = Vec::new();
    println!("  pages of the database read, from a fresh start");
    let mut starts = [0; 2];
    for act in ACTS {
        let mut counts = [0; 2];
        for (at, rig) in [small, large].into_iter().enumerate() {
            counts[at] = count(rig, &library, act)?;
        }
        if act.name == "start" {
            starts = counts;
        } else {
            for at in 0..2 {
                counts[at] = counts[at].saturating_sub(starts[at]);
            }
        }
        let [few, many] = counts;
        println!("    {:<28}{few:>6} {many:>6}", act.name);
        if many > few + act.slack {
            problems.push(format!("{} reads {many} pages, and {few} in the small store", act.name));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// The small store in a file as long as those that are not checked whole at start: that check would read every page, and
/// leave the cache full.
fn padded<'h>(small: &Rig<'h>) -> Result<Rig<'h>, String> {
    let copy = small.copy("bench-padded")?;
    let chains = |rig: &Rig<'_>| rig.file("filled");
    fs::copy(chains(small)?, chains(&copy)?).map_err(|e| format!("cannot copy the chains: {e}"))?;
    rig::probe(small.house, &["pad", "--dir", &copy.data.to_string_lossy(), "--bytes", PADDING])?;
    Ok(copy)
}

/// The library, compiled.
fn build(house: &House) -> Result<PathBuf, String> {
    let library = house.target("run/pages.so")?;
    let (source, out) = (house.path("xtask/pages.c"), library.to_string_lossy().into_owned());
    let source = source.to_string_lossy().into_owned();
    shell::run(shell::command("cc", ["-O2", "-shared", "-fPIC", "-o", &out, &source, "-ldl"]))?;
    Ok(library)
}

/// Pages read from the start to the end of the act.
fn count(rig: &Rig<'_>, library: &std::path::Path, act: &Act) -> Result<u64, String> {
    let counter = PathBuf::from(rig.file("pages-read")?);
    fs::write(&counter, [0; 8]).map_err(|e| format!("cannot write {}: {e}", counter.display()))?;
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let environment = [("LD_PRELOAD".to_owned(), text(library)), ("PAGES_READ".to_owned(), text(&counter))];
    let server = rig.start_in(&environment)?;
    (act.run)(rig, &server)?;
    let bytes = fs::read(&counter).map_err(|e| format!("cannot read {}: {e}", counter.display()))?;
    server.stop()?;
    let read = bytes.first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
    if read == 0 {
        Err("no read of the database was counted: the library is not in front of it".into())
    } else {
        Ok(read)
    }
}

fn load(rig: &Rig<'_>, server: &Server, words: &[&str]) -> Result<(), String> {
    let chains = rig.file("filled")?;
    let more = ["--chains", &chains, "--connections", "1", "--warm", "0", "--seconds", "0.2"];
    rig.load(server, words[0], &[&words[1..], &more].concat()).map(drop)
}

fn connect(rig: &Rig<'_>, server: &Server) -> Result<(), String> {
    let out = rig.file("connected")?;
    // A pair that is connected already is connected again: the same pages, and no limit on how often this is tried.
    rig.load(server, "connect", &["--count", "1", "--chains", &out]).map(drop)
}

fn curl(server: &Server, origin: &str, path: &str, admin: bool) -> Result<(), String> {
    let url = format!("{}{path}", server.of(PLATFORM, origin)?);
    let key = format!("Authorization: Bearer {}", server.of(PLATFORM, "admin_key")?);
    let mut words = vec!["--silent", "--show-error", "--fail", "--noproxy", "*", "--output", "/dev/null"];
    if admin {
        words.extend(["--header", &key]);
    }
    words.push(&url);
    shell::capture(shell::command("curl", words)).map(drop)
}
