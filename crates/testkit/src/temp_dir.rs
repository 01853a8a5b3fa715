//! A directory for one test, in the machine's own place for such. What is put into it is the test's.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory of its own, removed at the end.
pub struct TempDir(pub PathBuf);

impl TempDir {
    /// Made now.
    #[allow(clippy::new_without_default, reason = "making a directory is no default")]
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let name = format!("causeway-test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // Of a process that had this number before, and was killed.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => panic!("a temporary directory can be made: {error}"),
            }
        }
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _may_be_gone = std::fs::remove_dir_all(&self.0);
    }
}
