//! How many pages of the database's file each request, job and start reads, in a small store and in a large one: a small C
//! library in front of the server writes down its reads of `causeway.db` (xtask/pages.c), because a mapped file's pages could
//! not be counted. What is done stands in `page_acts`.
//!
//! Every act has a server of its own that was just started, so nothing is cached. What counts are different pages: those that
//! were read from then on until the server has stopped, without those that a start reads. So it is of no matter when a job
//! runs, which of the server's connections reads, and how busy the machine is: jobs read what the start has read, and what an
//! act leaves to a job (when a connection was last used) is done before the server has stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::page_acts::{ACTS, Act, Scene};
use super::rig::{self, Rig};
use crate::house::House;
use crate::shell;
use crate::stopwatch::Stopwatch;

/// More than the size up to which a file is checked whole.
const PADDING: &str = "20000000";
/// So many pages more are no problem, whatever they are of.
const MORE: u64 = 2;
/// The server rests when nothing was read for so many looks: longer than its shortest job's time (250 ms).
const LOOKS: u32 = 8;
const LOOK: Duration = Duration::from_millis(50);
/// It comes to rest within this, and a job whose time has come runs.
const PATIENCE: Duration = Duration::from_secs(20);
/// Words before the numbers, and room for these.
const FIRST: u64 = 3;
const ROOM: u64 = 1 << 20;

/// Every act on both stores, whose servers do not run; an error names those that read more than they may.
pub(super) fn compare(small: &Rig<'_>, large: &Rig<'_>, sizes: [u64; 2]) -> Result<(), String> {
    let library = build(small.house)?;
    // A short file is checked whole at start, which reads every page. The same table in both: one schema.
    pad(small, PADDING)?;
    pad(large, "1")?;
    let stores = [Store::open(small, sizes[0], &library)?, Store::open(large, sizes[1], &library)?];
    println!(
        "  different pages of the database that are read, each time from a fresh start; +n: more than in the small store"
    );
    let (mut problems, mut over) = (Vec::new(), 0);
    let mut deeper = BTreeMap::new();
    for act in ACTS {
        let [few, many] = [stores[0].count(act)?, stores[1].count(act)?];
        let verdict = Verdict::of(act, &few, &many);
        println!("    {:<44}{:>6} {:>6}  {}", act.name, few.pages, many.pages, verdict.told());
        deeper.extend(verdict.grown.clone());
        over += usize::from(verdict.more > MORE);
        if verdict.more > verdict.may {
            problems.push(format!(
                "{} reads {} pages, and {} in the small store ({})",
                act.name,
                many.pages,
                few.pages,
                verdict.told()
            ));
        }
    }
    let levels: Vec<String> = deeper.iter().map(|(tree, [few, many])| format!("{tree} {few} -> {many}")).collect();
    println!("  B-trees that have more levels in the large store: {}", levels.join(", "));
    println!(
        "  {over} of {} acts read more than {MORE} pages more. An act may, where it looks into several B-trees, because from the \
         root to a row it reads one page of each level: as many as those trees have levels more, twice that of a tree into \
         which it looks at two places; and two besides, if it lists rows (they may begin at the end of a page) or puts one \
         somewhere at random or makes one longer (its page may be full).",
        ACTS.len()
    );
    let most = deeper.values().map(|[few, many]| many - few).max().unwrap_or(0);
    if most > MORE {
        problems.push(format!("a tree has {most} levels more"));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// What an act read: pages in all and by tree, and how many levels those trees have.
struct Read {
    pages: u64,
    of: BTreeMap<String, u64>,
    levels: BTreeMap<String, u64>,
}

/// How an act reads the large store, compared with the small one.
struct Verdict {
    more: u64,
    may: u64,
    /// Trees of which it reads another number of pages.
    differ: Vec<(String, i64)>,
    /// Levels of the trees that it looks into and that have grown.
    grown: BTreeMap<String, [u64; 2]>,
}

impl Verdict {
    fn of(act: &Act, few: &Read, many: &Read) -> Self {
        let levels = |read: &Read, tree: &str| read.levels.get(tree).copied().unwrap_or(0);
        let both = |tree: &String| (tree.clone(), [levels(few, tree), levels(many, tree)]);
        let grown: BTreeMap<_, _> = many.of.keys().map(both).filter(|(_, [few, many])| many > few).collect();
        let trees: BTreeSet<&String> = few.of.keys().chain(many.of.keys()).collect();
        let pages = |read: &Read, tree: &String| read.of.get(tree).copied().unwrap_or(0) as i64;
        let differ = trees.into_iter().map(|tree| (tree.clone(), pages(many, tree) - pages(few, tree)));
        let places = |tree: &str| if act.twice.contains(&tree) { 2 } else { 1 };
        let levels: u64 = grown.iter().map(|(tree, [few, many])| (many - few) * places(tree)).sum();
        Self {
            more: many.pages.saturating_sub(few.pages),
            may: levels.max(MORE) + act.beside,
            differ: differ.filter(|(_, more)| *more != 0).collect(),
            grown,
        }
    }

    fn told(&self) -> String {
        let of: Vec<String> = self.differ.iter().map(|(tree, more)| format!("{tree} {more:+}")).collect();
        match self.more {
            0 => String::new(),
            more if more > MORE => format!("+{more} of {} allowed: {}", self.may, of.join(", ")),
            more => format!("+{more}: {}", of.join(", ")),
        }
    }
}

/// A store whose server is started and stopped for each act.
struct Store<'s, 'h> {
    rig: &'s Rig<'h>,
    library: &'s Path,
    /// Who acts, and on what.
    about: Value,
    /// What a start reads, and a stop at once after it.
    start: BTreeSet<u64>,
}

impl<'s, 'h> Store<'s, 'h> {
    fn open(rig: &'s Rig<'h>, connections: u64, library: &'s Path) -> Result<Self, String> {
        let server = rig.start()?;
        let about = super::page_acts::prepare(rig, &server, connections)?;
        server.stop()?;
        let mut store = Self { rig, library, about, start: BTreeSet::new() };
        store.start = store.pages(&Act::START)?;
        Ok(store)
    }

    fn count(&self, act: &Act) -> Result<Read, String> {
        let all = self.pages(act).map_err(|why| format!("{}: {why}", act.name))?;
        let known = if act.is_start() { &BTreeSet::new() } else { &self.start };
        let file = self.rig.file("pages-read.txt")?;
        let numbers: String = all.union(&self.start).map(|page| format!("{page}\n")).collect();
        fs::write(&file, numbers).map_err(|e| format!("cannot write {file}: {e}"))?;
        let dir = self.rig.data.to_string_lossy();
        let said = rig::probe(self.rig.house, &["trees", "--dir", &dir, "--pages", &file])?;
        let mut read = Read { pages: 0, of: BTreeMap::new(), levels: BTreeMap::new() };
        for page in all.difference(known) {
            let tree = said["pages"][page.to_string()].as_str().unwrap_or("no tree").to_owned();
            read.pages += 1;
            *read.of.entry(tree).or_default() += 1;
        }
        for (tree, levels) in said["depths"].as_object().into_iter().flatten() {
            read.levels.insert(tree.clone(), levels.as_u64().unwrap_or(0));
        }
        match act.reads {
            Some(tree) if !read.of.contains_key(tree) => {
                Err(format!("{}: nothing of {tree} was read: it was not done", act.name))
            }
            _ => Ok(read),
        }
    }

    /// Every page that is read from the start to the end of the stop.
    fn pages(&self, act: &Act) -> Result<BTreeSet<u64>, String> {
        let log = Log::new(PathBuf::from(self.rig.file("pages-read")?))?;
        log.set(Clock::OfDay, act.days_later)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let environment = [("LD_PRELOAD".to_owned(), text(self.library)), ("PAGES_READ".to_owned(), text(&log.path))];
        let server = self.rig.start_in(&environment)?;
        log.rest(0)?;
        let scene = Scene { rig: self.rig, server: &server, about: &self.about, log: &log };
        (act.run)(&scene)?;
        server.stop()?;
        let pages = log.pages()?;
        if pages.is_empty() {
            return Err("no read of the database was counted: the library is not in front of it".into());
        }
        Ok(pages)
    }
}

/// The clocks that the library sets forward.
#[derive(Clone, Copy)]
enum Clock {
    Monotonic = 1,
    OfDay = 2,
}

/// The file that the library writes the numbers of pages into.
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// One that nobody writes into.
    pub(super) fn none(rig: &Rig<'_>) -> Result<Self, String> {
        Self::new(PathBuf::from(rig.file("pages-read")?))
    }

    fn new(path: PathBuf) -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).map_err(failed)?;
        file.set_len((FIRST + ROOM) * 8).map_err(failed)?;
        Ok(Self { path, file })
    }

    fn word(&self, at: u64) -> Result<u64, String> {
        let mut bytes = [0; 8];
        let failed = |e: std::io::Error| format!("cannot read {}: {e}", self.path.display());
        self.file.read_exact_at(&mut bytes, at * 8).map_err(failed).map(|()| u64::from_ne_bytes(bytes))
    }

    fn set(&self, clock: Clock, ahead: Duration) -> Result<(), String> {
        let nanos = u64::try_from(ahead.as_nanos()).map_err(|_| "so far ahead no clock goes")?;
        let failed = |e: std::io::Error| format!("cannot write {}: {e}", self.path.display());
        self.file.write_all_at(&nanos.to_ne_bytes(), clock as u64 * 8).map_err(failed)
    }

    /// Sets the server's monotonic clock forward, and waits until what was due has begun.
    pub(super) fn pass(&self, time: Duration) -> Result<(), String> {
        let before = self.word(0)?;
        self.set(Clock::Monotonic, time)?;
        self.rest(before + 1)
    }

    /// Waits until so many reads were counted, and then none for a while.
    fn rest(&self, at_least: u64) -> Result<(), String> {
        let watch = Stopwatch::start();
        let (mut last, mut looks) = (self.word(0)?, 0);
        while looks < LOOKS || last < at_least {
            if watch.elapsed() > PATIENCE {
                return Err(format!("after {PATIENCE:?} the server does not rest, or a job did not run"));
            }
            thread::sleep(LOOK);
            let now = self.word(0)?;
            looks = if now == last { looks + 1 } else { 0 };
            last = now;
        }
        Ok(())
    }

    fn pages(&self) -> Result<BTreeSet<u64>, String> {
        let count = self.word(0)?;
        if count > ROOM {
            return Err(format!("{count} reads were counted, and there is room for {ROOM}"));
        }
        (0..count).map(|n| self.word(FIRST + n)).collect()
    }
}

fn pad(rig: &Rig<'_>, bytes: &str) -> Result<(), String> {
    rig::probe(rig.house, &["pad", "--dir", &rig.data.to_string_lossy(), "--bytes", bytes]).map(drop)
}

/// The library, compiled.
fn build(house: &House) -> Result<PathBuf, String> {
    let library = house.target("run/pages.so")?;
    let (source, out) = (house.path("xtask/pages.c"), library.to_string_lossy().into_owned());
    let source = source.to_string_lossy().into_owned();
    shell::run(shell::command("cc", ["-O2", "-shared", "-fPIC", "-o", &out, &source, "-ldl"]))?;
    Ok(library)
}
