//! What the rules look at: the Rust files in their blanked forms, and Cargo's own view of the crates.
//!
//! Read once. Nothing is judged here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::lexer;
use crate::house::House;
use crate::shell;

/// A Rust file of the workspace.
pub struct SourceFile {
    /// From the workspace's root.
    pub path: String,
    /// As it stands.
    pub text: String,
    /// Without comments and test modules.
    pub code: String,
    /// Without strings besides.
    pub bare: String,
}

impl SourceFile {
    /// Shipped code: `crates/*/src`, except what only tests build.
    pub fn ships(&self) -> bool {
        self.path.starts_with("crates/")
            && self.path.contains("/src/")
            && !self.path.starts_with("crates/testkit/")
            && !self.path.ends_with("/tests.rs")
            && !self.path.contains("/tests/")
    }

    /// Its lines with numbers, in one of the forms.
    pub fn numbered<'a>(&'a self, form: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        form.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// `path:line: says`.
    pub fn at(&self, line: usize, says: &str) -> String {
        format!("{}:{line}: {says}", self.path)
    }
}

/// A crate that would be built on this machine.
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    pub licence: String,
    pub ours: bool,
    /// (name, kind) as its manifest declares them; kind is `normal`, `dev` or `build`.
    pub declared: Vec<(String, String)>,
}

/// The workspace, read.
pub struct Tree<'h> {
    pub house: &'h House,
    pub sources: Vec<SourceFile>,
    pub packages: BTreeMap<String, Package>,
    edges: BTreeMap<String, Vec<(String, String)>>,
}

impl<'h> Tree<'h> {
    /// Reads every Rust file and `cargo metadata` for this machine's platform.
    pub fn read(house: &'h House) -> Result<Self, String> {
        let mut sources = Vec::new();
        for below in ["crates", "xtask"] {
            for path in house.files(below, ".rs")? {
                let text = house.read(&path)?;
                let lexer::Stripped { code, bare } = lexer::strip(&text);
                sources.push(SourceFile { path, text, code, bare });
            }
        }
        let host = shell::capture(shell::command("rustc", ["-vV"]))?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc names no host")?.to_string();
        let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", &host];
        let metadata = shell::capture(shell::cargo(arguments))?;
        let metadata: Value = serde_json::from_str(&metadata).map_err(|e| format!("cargo metadata: {e}"))?;
        let mut tree = Self { house, sources, packages: BTreeMap::new(), edges: edges(&metadata) };
        let members: Vec<String> = list(&metadata["workspace_members"]).iter().map(text).collect();
        let built = tree.reach(&members, &["normal", "build", "dev"]);
        for package in list(&metadata["packages"]) {
            let id = text(&package["id"]);
            if built.contains(&id) {
                tree.packages.insert(id.clone(), read_package(package, members.contains(&id)));
            }
        }
        Ok(tree)
    }

    /// Our own crates.
    pub fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.values().filter(|package| package.ours)
    }

    /// The names of all that a crate builds on, itself left out.
    pub fn builds_on(&self, package: &Package, kinds: &[&str]) -> BTreeSet<String> {
        let mut reached = self.reach(std::slice::from_ref(&package.id), kinds);
        reached.remove(&package.id);
        reached.iter().filter_map(|id| self.packages.get(id)).map(|package| package.name.clone()).collect()
    }

    /// Crates that are built in two versions: worth knowing, not forbidden.
    pub fn duplicates(&self) -> Vec<String> {
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for package in self.packages.values() {
            versions.entry(&package.name).or_default().push(&package.version);
        }
        versions.retain(|_, of| of.len() > 1);
        versions.iter().map(|(name, of)| format!("{name} {}", of.join(", "))).collect()
    }

    fn reach(&self, from: &[String], kinds: &[&str]) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<(String, bool)> = from.iter().map(|id| (id.clone(), true)).collect();
        while let Some((id, first)) = waiting.pop() {
            if !reached.insert(id.clone()) {
                continue;
            }
            for (to, kind) in self.edges.get(&id).into_iter().flatten() {
                // Dev-dependencies count for the crate itself only: Cargo builds no other's.
                if kinds.contains(&kind.as_str()) && (first || kind != "dev") {
                    waiting.push((to.clone(), false));
                }
            }
        }
        reached
    }
}

fn edges(metadata: &Value) -> BTreeMap<String, Vec<(String, String)>> {
    let mut edges: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let from = edges.entry(text(&node["id"])).or_default();
        for dependency in list(&node["deps"]) {
            for kind in list(&dependency["dep_kinds"]) {
                from.push((text(&dependency["pkg"]), kind_of(&kind["kind"])));
            }
        }
    }
    edges
}

fn read_package(package: &Value, ours: bool) -> Package {
    Package {
        id: text(&package["id"]),
        name: text(&package["name"]),
        version: text(&package["version"]),
        licence: text(&package["license"]),
        ours,
        declared: list(&package["dependencies"]).iter().map(|d| (text(&d["name"]), kind_of(&d["kind"]))).collect(),
    }
}

fn kind_of(value: &Value) -> String {
    value.as_str().unwrap_or("normal").to_string()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}
