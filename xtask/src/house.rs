//! Where things stand: the workspace's root, its target directory, its files.
//!
//! Paths only; what is in the files is the rules' business.

use std::fs;
use std::path::{Path, PathBuf};

/// The workspace.
pub(crate) struct House {
    root: PathBuf,
}

impl House {
    /// Finds the root: the directory above this crate's.
    pub(crate) fn open() -> Result<Self, String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.parent().ok_or("xtask stands in no workspace")?.to_path_buf();
        std::env::set_current_dir(&root).map_err(|e| format!("cannot enter {}: {e}", root.display()))?;
        Ok(Self { root })
    }

    /// A path inside the workspace.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// A path inside the target directory, whose parents are made.
    pub(crate) fn target(&self, inside: &str) -> Result<PathBuf, String> {
        let path = self.root.join("target").join(inside);
        let parent = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).map_err(|e| format!("cannot make {}: {e}", parent.display()))?;
        Ok(path)
    }

    /// Waits until no other xtask does this: two would share files, and spoil each other's figures. Held until dropped.
    pub(crate) fn alone(&self, doing: &str) -> Result<fs::File, String> {
        let path = self.target(&format!("run/{doing}.lock"))?;
        let file = fs::File::create(&path).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        if file.try_lock().is_err() {
            println!("  another xtask is at {doing}: waiting for it");
            file.lock().map_err(|e| format!("cannot lock {}: {e}", path.display()))?;
        }
        Ok(file)
    }

    /// A release binary, if it was built; where cargo was told to put it.
    #[allow(clippy::disallowed_methods)] // cargo's own setting, not ours
    pub(crate) fn binary(&self, name: &str) -> Result<PathBuf, String> {
        let target = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| self.root.join("target"), PathBuf::from);
        let path = target.join("release").join(name);
        if path.is_file() {
            Ok(path)
        } else {
            Err(format!("{} is not there: the release build failed", path.display()))
        }
    }

    /// Reads a text file of the workspace.
    pub(crate) fn read(&self, inside: &str) -> Result<String, String> {
        fs::read_to_string(self.path(inside)).map_err(|e| format!("cannot read {inside}: {e}"))
    }

    /// Every file below a directory whose name ends so, as paths from the root, sorted.
    pub(crate) fn files(&self, below: &str, ending: &str) -> Result<Vec<String>, String> {
        let mut found = Vec::new();
        walk(&self.path(below), ending, &mut found)?;
        let mut names: Vec<String> = found
            .iter()
            .filter_map(|path| path.strip_prefix(&self.root).ok())
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        names.sort();
        Ok(names)
    }
}

fn walk(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(directory).map_err(|e| format!("cannot list {}: {e}", directory.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| format!("cannot list {}: {e}", directory.display()))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && name != "node_modules" && !name.starts_with('.') {
                walk(&path, ending, found)?;
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    Ok(())
}
