//! Which table or index a page of the database's file belongs to, and how deep each is: what a count of pages is made of.
//!
//! Only pages that are asked about are read, besides one way down each tree: a file of gigabytes is not walked through.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::Result;

/// Where the header of the file's first page ends, and that of its B-tree page begins (SQLite's file format 1.3).
const FILE_HEADER: usize = 100;
/// Types of B-tree pages that have children.
const INTERIOR: [u8; 2] = [2, 5];
/// No tree is deeper.
const DEEPEST: usize = 20;

/// `{"pages": {NUMBER: tree}, "depths": {tree: levels}}` for the pages asked about; one that hangs below no page asked about
/// is left out: what a row spilled into, or a free one.
pub fn look(dir: &Path, asked: &BTreeSet<u64>) -> Result<Value> {
    let path = dir.join("causeway.db");
    let say = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let db = Connection::open(&path).map_err(|e| say(&e))?;
    let size: u32 = db.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(|e| say(&e))?;
    let mut ask = db
        .prepare("SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0 UNION ALL SELECT 'sqlite_schema', 1")
        .map_err(|e| say(&e))?;
    let roots = ask.query_map([], |row| Ok((row.get(0)?, row.get::<_, u32>(1)?.into()))).map_err(|e| say(&e))?;
    let roots: Vec<(String, u64)> = roots.collect::<rusqlite::Result<_>>().map_err(|e| say(&e))?;
    let file = Pages { file: File::open(&path).map_err(|e| say(&e))?, size: size.into() };
    let (mut pages, mut depths) = (BTreeMap::new(), BTreeMap::new());
    for (name, root) in roots {
        depths.insert(name.clone(), file.depth(root)?);
        let mut open = vec![root];
        while let Some(page) = open.pop() {
            if asked.contains(&page) && pages.insert(page.to_string(), name.clone()).is_none() {
                open.extend(file.children(page)?.into_iter().filter(|child| asked.contains(child)));
            }
        }
    }
    Ok(json!({"pages": pages, "depths": depths}))
}

struct Pages {
    file: File,
    size: u64,
}

impl Pages {
    /// Levels from this root to the leaves.
    fn depth(&self, root: u64) -> Result<usize> {
        let mut page = root;
        for depth in 1..DEEPEST {
            match self.children(page)?.first() {
                Some(child) => page = *child,
                None => return Ok(depth),
            }
        }
        Err(format!("the tree of page {root} has no end"))
    }

    /// What hangs below a page; nothing below a leaf.
    fn children(&self, page: u64) -> Result<Vec<u64>> {
        let mut bytes = vec![0; self.size as usize];
        let from = (page - 1) * self.size;
        self.file.read_exact_at(&mut bytes, from).map_err(|e| format!("page {page} cannot be read: {e}"))?;
        let header = if page == 1 { FILE_HEADER } else { 0 };
        if !INTERIOR.contains(&bytes[header]) {
            return Ok(vec![]);
        }
        let short = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        let long = |at: usize| {
            bytes.get(at..at + 4).and_then(|four| four.first_chunk()).map(|four| u64::from(u32::from_be_bytes(*four)))
        };
        let cells = (0..short(header + 3)).map(|n| short(header + 12 + 2 * n));
        let children = cells.chain([header + 8]).map(long).collect::<Option<Vec<u64>>>();
        children.ok_or_else(|| format!("page {page} is not as the format says"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_finds_its_tree() {
        let dir = std::env::temp_dir().join(format!("causeway-trees-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let _from_before = std::fs::remove_file(dir.join("causeway.db"));
        let db = Connection::open(dir.join("causeway.db")).unwrap();
        db.execute_batch(
            "PRAGMA page_size = 512; CREATE TABLE few (a); CREATE TABLE many (a); CREATE INDEX of_many ON many (a);
             INSERT INTO few VALUES (1);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO many SELECT i FROM n;",
        )
        .unwrap();
        let count: u32 = db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        drop(db);
        let found = look(&dir, &(1..=count.into()).collect()).unwrap();
        assert_eq!(
            found["pages"].as_object().unwrap().len(),
            count as usize,
            "every page of this file is of some tree"
        );
        assert_eq!(found["depths"]["few"], 1);
        assert!(found["depths"]["many"].as_u64().unwrap() >= 3);
        let of = |name: &str| found["pages"].as_object().unwrap().values().filter(|tree| *tree == name).count();
        assert_eq!(of("few"), 1);
        assert!(of("many") > 50 && of("of_many") > 50);
        let below_nothing = look(&dir, &BTreeSet::from([count.into()])).unwrap();
        assert!(below_nothing["pages"].as_object().unwrap().is_empty(), "its parent was not asked about");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
