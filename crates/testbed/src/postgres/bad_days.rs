//! What can befall a cluster beside its end: a disk without room, a backup that is put back. How one is started and stopped
//! stands in the file above.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Cluster, USER, succeeded};

/// A session whose transaction stays open until this is dropped; then it is rolled back.
#[derive(Debug)]
pub struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Cluster {
    /// From now on no table can grow: there is no room for it on the disk.
    ///
    /// # Panics
    /// Unless it was started with [`Options::disk`].
    pub fn fill_disk(&self) {
        assert!(self.disk.is_some(), "started with a disk that can be filled");
        fs::write(self.fullness(), "").expect("the scratch directory can be written");
    }

    /// There is room again.
    pub fn make_room(&self) {
        fs::remove_file(self.fullness()).ok();
    }

    /// Takes a copy of everything, as a backup would, stopping and starting the server for it.
    ///
    /// # Panics
    /// When it does not run, or cannot be copied.
    pub fn save(&self) {
        self.stop();
        self.copy(&self.data(), &self.scratch.path().join("saved"));
        self.run();
    }

    /// What [`Cluster::save`] copied takes the place of what there is, and runs.
    ///
    /// # Panics
    /// When it does not run, or nothing was saved.
    pub fn restore(&self) {
        self.kill();
        self.copy(&self.scratch.path().join("saved"), &self.data());
        self.run();
    }

    /// Runs statements in a transaction of the superuser's and leaves it open, with whatever it has locked.
    ///
    /// # Panics
    /// When one of them fails.
    pub fn hold(&self, database: &str, statements: &str) -> Held {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .args(["--host", &self.scratch.path().to_string_lossy(), "--port", &self.port.to_string()])
            .args(["--username", USER, "--dbname", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = psql.spawn().expect("psql can be run");
        let script = format!("BEGIN;\n{statements};\n\\echo held\n");
        child.stdin.as_mut().expect("piped").write_all(script.as_bytes()).expect("psql reads");
        let mut lines = BufReader::new(child.stdout.as_mut().expect("piped")).lines();
        let held = lines.any(|line| line.is_ok_and(|line| line == "held"));
        assert!(held, "psql failed: {statements}");
        Held(child)
    }

    fn copy(&self, from: &Path, to: &Path) {
        fs::remove_dir_all(to).ok();
        succeeded(Command::new("cp").arg("-a").arg(from).arg(to).output(), "cp");
    }

    /// The disk is full as long as this file is there.
    pub(super) fn fullness(&self) -> PathBuf {
        self.scratch.path().join("full")
    }
}

/// The library that lets a disk be full.
pub(super) fn compiled(place: &Path) -> PathBuf {
    let (source, library) = (place.join("disk.c"), place.join("disk.so"));
    fs::write(&source, include_str!("../disk.c")).expect("the scratch directory can be written");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl");
    succeeded(cc.output(), "cc");
    library
}
