//! Files that processes lock among themselves; the lock goes with the process, however that ends. What is locked, and why, is
//! the business of whoever takes it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

/// A lock that is held until it is dropped.
pub(crate) struct Lock(File);

impl Lock {
    /// For nobody else; `None` if somebody holds it.
    pub(crate) fn alone(path: &Path) -> io::Result<Option<Lock>> {
        let file = open(path)?;
        Ok(take(&file)?.then_some(Lock(file)))
    }

    /// With others. True: no other held it.
    pub(crate) fn shared(path: &Path) -> io::Result<(Lock, bool)> {
        let file = open(path)?;
        let alone = take(&file)?;
        file.lock_shared()?;
        Ok((Lock(file), alone))
    }
}

impl Drop for Lock {
    /// Said aloud: a child that this process is about to start holds the same file for as long as it has not begun.
    fn drop(&mut self) {
        let _closing_it_says_the_same_later = self.0.unlock();
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).truncate(false).write(true).open(path)
}

fn take(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_was_let_go_is_free_whoever_else_holds_the_file() {
        let path = std::env::temp_dir().join(format!("causeway-lock-{}", std::process::id()));
        let lock = Lock::alone(&path).unwrap().unwrap();
        assert!(Lock::alone(&path).unwrap().is_none());
        // As a child holds it between its birth and its program.
        let _copy = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(Lock::alone(&path).unwrap().is_some());
        let (one, alone) = Lock::shared(&path).unwrap();
        assert!(alone && !Lock::shared(&path).unwrap().1 && Lock::alone(&path).unwrap().is_none());
        drop(one);
        std::fs::remove_file(path).unwrap();
    }
}
