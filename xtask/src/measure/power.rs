//! A cut of the current: what the server never synced is gone.
//!
//! The server runs with `xtask/prove/powerloss.c` preloaded, which keeps an undo record of every write until its file is
//! synced. After a kill the records are undone, so the disk looks as after a power loss. Nothing here knows what is written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::house::House;
use crate::shell;

/// The preloaded library, and the directory that it watches.
pub(crate) struct Power {
    shim: PathBuf,
    directory: PathBuf,
}

/// One write that is not known to be on the disk.
struct Undo<'a> {
    offset: u64,
    size: u64,
    bytes: &'a [u8],
}

impl Power {
    /// Builds the library with the C compiler that the workspace needs anyway.
    pub(crate) fn new(house: &House, directory: &Path) -> Result<Self, String> {
        let shim = house.target("run/powerloss.so")?;
        let source = house.path("xtask/prove/powerloss.c");
        let words =
            ["-shared", "-fPIC", "-O2", "-Wall", "-o", &shim.to_string_lossy(), &source.to_string_lossy(), "-ldl"]
                .map(str::to_owned);
        shell::capture(shell::command("cc", words))?;
        let power = Self { shim, directory: directory.to_path_buf() };
        let _ = fs::remove_file(power.log());
        Ok(power)
    }

    /// What the server's environment must hold.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        vec![("LD_PRELOAD".into(), text(&self.shim)), ("POWERLOSS_DIR".into(), text(&self.directory))]
    }

    fn log(&self) -> PathBuf {
        let mut name = self.directory.clone().into_os_string();
        name.push(".undo");
        name.into()
    }

    /// Undoes every write that was not synced; the server must be dead. Answers (writes undone, syncs seen).
    pub(crate) fn cut(&self) -> Result<(u64, u64), String> {
        let log = fs::read(self.log()).map_err(|e| format!("no undo log, so nothing was watched: {e}"))?;
        let (pending, syncs) = read(&log);
        let mut undone = 0;
        for (path, writes) in pending {
            let fail = |e: std::io::Error| format!("cannot undo writes of {path}: {e}");
            let Ok(mut file) = File::options().write(true).open(path) else { continue };
            for write in writes.iter().rev() {
                file.seek(SeekFrom::Start(write.offset)).map_err(fail)?;
                file.write_all(write.bytes).map_err(fail)?;
                file.set_len(write.size).map_err(fail)?;
                undone += 1;
            }
        }
        fs::remove_file(self.log()).map_err(|e| format!("cannot remove the undo log: {e}"))?;
        Ok((undone, syncs))
    }
}

/// The records of each file since its last sync. A record torn by the kill itself ends the log: its write never happened.
fn read(mut log: &[u8]) -> (BTreeMap<&str, Vec<Undo<'_>>>, u64) {
    let (mut pending, mut syncs) = (BTreeMap::<&str, Vec<Undo<'_>>>::new(), 0);
    while let Some((kind, path)) = take_head(&mut log) {
        if kind == b'S' {
            pending.remove(path);
            syncs += 1;
            continue;
        }
        let Some(undo) = take_undo(&mut log) else { break };
        pending.entry(path).or_default().push(undo);
    }
    (pending, syncs)
}

fn take_head<'a>(log: &mut &'a [u8]) -> Option<(u8, &'a str)> {
    let kind = *log.split_off_first()?;
    let length = u32::from_ne_bytes(*log.split_off(..4)?.first_chunk()?) as usize;
    Some((kind, std::str::from_utf8(log.split_off(..length)?).ok()?))
}

fn take_undo<'a>(log: &mut &'a [u8]) -> Option<Undo<'a>> {
    let offset = u64::from_ne_bytes(*log.split_off(..8)?.first_chunk()?);
    let size = u64::from_ne_bytes(*log.split_off(..8)?.first_chunk()?);
    let length = u32::from_ne_bytes(*log.split_off(..4)?.first_chunk()?) as usize;
    Some(Undo { offset, size, bytes: log.split_off(..length)? })
}
