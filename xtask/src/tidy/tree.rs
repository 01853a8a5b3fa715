//! What the rules look at: the Rust files in their blanked forms, and Cargo's own view of the crates.
//!
//! Read once. Nothing is judged here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::lexer;
use crate::house::House;
use crate::shell;

/// A Rust file of the workspace.
pub(crate) struct SourceFile {
    /// From the workspace's root.
    pub(crate) path: String,
    /// As it stands.
    pub(crate) text: String,
    /// Without comments and test modules.
    pub(crate) code: String,
    /// Without strings besides.
    pub(crate) bare: String,
}

impl SourceFile {
    /// Shipped code: `crates/*/src`, except what only tests and measurements build.
    pub(crate) fn ships(&self) -> bool {
        self.path.starts_with("crates/")
            && self.path.contains("/src/")
            && !self.path.starts_with("crates/testkit/")
            && !self.path.starts_with("crates/bench/")
            && !["/tests.rs", "/samples.rs"].iter().any(|name| self.path.ends_with(name))
            && !self.path.contains("/tests/")
    }

    /// Its lines with numbers, in one of the forms.
    pub(crate) fn numbered<'a>(&'a self, form: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        form.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// `path:line: says`.
    pub(crate) fn at(&self, line: usize, says: &str) -> String {
        format!("{}:{line}: {says}", self.path)
    }
}

/// A crate that would be built on this machine.
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: String,
    pub(crate) ours: bool,
    /// (name, kind) as its manifest declares them; kind is `normal`, `dev` or `build`.
    pub(crate) declared: Vec<(String, String)>,
}

/// The workspace, read.
pub(crate) struct Tree<'h> {
    pub(crate) house: &'h House,
    pub(crate) sources: Vec<SourceFile>,
    pub(crate) packages: BTreeMap<String, Package>,
    edges: BTreeMap<String, Vec<(String, String)>>,
}

impl<'h> Tree<'h> {
    /// Reads every Rust file and `cargo metadata` for this machine's platform.
    pub(crate) fn read(house: &'h House) -> Result<Self, String> {
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
        let members: Vec<String> = list(&metadata["workspace_members"]).iter().map(text).collect();
        // The metadata's graph holds optional crates that no feature turns on; `cargo tree` lists what is built.
        let arguments = ["tree", "--workspace", "--locked", "-e", "normal,build,dev", "--prefix", "none", "-f", "{p}"];
        let built = shell::capture(shell::cargo(arguments))?;
        let built: BTreeSet<(&str, &str)> = built.lines().filter_map(name_and_version).collect();
        let mut packages = BTreeMap::new();
        for package in list(&metadata["packages"]) {
            let package = read_package(package, members.contains(&text(&package["id"])));
            if built.contains(&(package.name.as_str(), package.version.as_str())) {
                packages.insert(package.id.clone(), package);
            }
        }
        Ok(Self { house, sources, packages, edges: edges(&metadata) })
    }

    /// Our own crates.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.values().filter(|package| package.ours)
    }

    /// The names of all that a crate builds on, itself left out.
    pub(crate) fn builds_on(&self, package: &Package, kinds: &[&str]) -> BTreeSet<String> {
        let mut reached = self.reach(std::slice::from_ref(&package.id), kinds);
        reached.remove(&package.id);
        reached.iter().filter_map(|id| self.packages.get(id)).map(|package| package.name.clone()).collect()
    }

    /// Crates that are built in two versions: worth knowing, not forbidden.
    pub(crate) fn duplicates(&self) -> Vec<String> {
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
                let built = self.packages.contains_key(to);
                if built && kinds.contains(&kind.as_str()) && (first || kind != "dev") {
                    waiting.push((to.clone(), false));
                }
            }
        }
        reached
    }
}

/// Of a line `name v1.2.3 (…)`.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?.strip_prefix('v')?))
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
