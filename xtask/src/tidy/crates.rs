//! Who may import whom, and what never.
//!
//! The table below is the design's; change it together with docs/ARCHITECTURE.md.

use super::tree::Tree;

struct Wall {
    name: &'static str,
    /// Our crates that it may import. `causeway-testkit` and `causeway-testbed` besides, for its tests only.
    may: &'static [&'static str],
    /// What it must not even reach through others, for shipped code.
    never: &'static [&'static str],
}

const ASYNC: &str = "tokio";

const WALLS: &[Wall] = &[
    Wall {
        name: "causeway-protocol",
        may: &[],
        never: &[
            ASYNC,
            "futures-util",
            "hyper",
            "hyper-util",
            "http",
            "axum",
            "tower",
            "rusqlite",
            "libsqlite3-sys",
            "tracing",
            "log",
            "getrandom",
            "rand",
            "rand_core",
            "jiff",
            "chrono",
            "time",
            "uuid",
        ],
    },
    Wall {
        name: "causeway-storage",
        may: &["causeway-protocol"],
        // rustls: for the database on another machine (C-10).
        never: &["hyper", "http", "axum", "tower", "askama", "causeway-server", "causeway-guard"],
    },
    Wall {
        name: "causeway-guard",
        may: &["causeway-protocol"],
        // hyper and rustls only with the feature `remote`: the stream of a node elsewhere.
        never: &["causeway-storage", "rusqlite", "axum", "askama"],
    },
    Wall {
        name: "causeway-vault",
        may: &["causeway-protocol"],
        never: &["causeway-storage", "causeway-server", "axum", "askama"],
    },
    Wall {
        name: "causeway-server",
        // the vault: for the one thing that a platform does as a partner
        may: &["causeway-protocol", "causeway-storage", "causeway-guard", "causeway-vault"],
        never: &["causeway-hub"],
    },
    Wall {
        name: "causeway-hub",
        may: &["causeway-protocol", "causeway-vault"],
        never: &["causeway-storage", "causeway-server", "causeway-guard"],
    },
    Wall {
        name: "causeway-cli",
        may: &["causeway-protocol", "causeway-server", "causeway-vault", "causeway-hub"],
        never: &["causeway-testkit"],
    },
    Wall {
        name: "causeway-testkit",
        may: &[
            "causeway-protocol",
            "causeway-storage",
            "causeway-guard",
            "causeway-server",
            "causeway-vault",
            "causeway-hub",
        ],
        never: &[],
    },
    Wall { name: "causeway-testbed", may: &[], never: &[ASYNC] },
    // protocol and storage: for the probe of the store alone, and for stores that are filled
    Wall { name: "causeway-bench", may: &["causeway-protocol", "causeway-storage"], never: &[] },
    Wall { name: "xtask", may: &["causeway-testbed"], never: &[ASYNC, "clap", "toml"] },
];

/// Never in the tree, whoever asks for it: one C and assembly provider of cryptography is enough (docs/DECISIONS.md).
const FORBIDDEN: &[&str] = &["ring", "openssl", "openssl-sys", "native-tls", "rsa", "git2", "reqwest"];

/// Our crates import only those that the table allows; testkit and testbed for tests only.
pub(crate) fn edges(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for package in tree.ours() {
        let Some(wall) = WALLS.iter().find(|wall| wall.name == package.name) else {
            problems.push(format!("{} stands in no line of the table in xtask/src/tidy/crates.rs", package.name));
            continue;
        };
        for (name, kind) in &package.declared {
            let is_ours = tree.ours().any(|other| other.name == *name);
            let for_tests = kind == "dev"
                && (["causeway-testkit", "causeway-testbed"].contains(&name.as_str()) || name == &package.name);
            if is_ours && !for_tests && !wall.may.contains(&name.as_str()) {
                problems.push(format!("{} must not import {name} ({kind})", package.name));
            }
        }
    }
    problems
}

/// Shipped code does not reach what its wall keeps out.
pub(crate) fn bans(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for package in tree.ours() {
        let reached = tree.builds_on(package, &["normal"]);
        let never = WALLS.iter().find(|wall| wall.name == package.name).map_or(&[][..], |wall| wall.never);
        for name in never.iter().filter(|name| reached.contains(**name)) {
            problems.push(format!("{} reaches {name}", package.name));
        }
    }
    problems
}

/// What is banned for everybody.
pub(crate) fn forbidden(tree: &Tree) -> Vec<String> {
    let built = tree.packages.values();
    built
        .filter(|package| FORBIDDEN.contains(&package.name.as_str()))
        .map(|package| {
            format!("{} {} is built; `cargo tree -i {}` says why", package.name, package.version, package.name)
        })
        .collect()
}
