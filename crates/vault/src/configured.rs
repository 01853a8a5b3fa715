//! `platforms.toml` in a vault's directory: which platforms it speaks to, and as which app (docs/PARTNERS.md has an
//! example). It holds client secrets, so nobody but its owner may read it. What stands in it is `platforms`' to say.

use std::path::Path;

use causeway_protocol::document::{self, Problem};
use causeway_protocol::profile::{self, Profile};

use crate::keys::is_open_to_others;
use crate::platform::Platform;
use crate::platforms;

/// The file's name in a vault's directory.
pub const FILE: &str = "platforms.toml";

/// Reads the file. Problems: one line each, every one of the file at once.
pub fn open(path: &Path) -> Result<Vec<Platform>, Vec<String>> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| vec![format!("{shown}: {error}")])?;
    if is_open_to_others(path) {
        return Err(vec![format!("{shown}: others may read this file of secrets: chmod 600 it")]);
    }
    let text = document::decode(&bytes).map_err(|problem| vec![format!("{shown}: {problem}")])?;
    let platforms = platforms::read(text, &|name| find_profile(path, name))
        .map_err(|problems| problems.iter().map(|problem| format!("{shown}: {problem}")).collect::<Vec<_>>())?;
    if platforms.is_empty() {
        return Err(vec![format!("{shown}: lists no platform: write one as [[platforms]]")]);
    }
    let problems: Vec<String> =
        platforms.iter().flat_map(Platform::problems).map(|problem| format!("{shown}: {problem}")).collect();
    if problems.is_empty() { Ok(platforms) } else { Err(problems) }
}

/// A shipped profile, or a file beside this one.
fn find_profile(file: &Path, name: &str) -> Result<Profile, String> {
    if !name.ends_with(".toml") {
        return profile::shipped(name)
            .ok_or_else(|| "names no shipped profile; the name of a file ends in .toml".to_owned());
    }
    let path = file.parent().unwrap_or(Path::new(".")).join(name);
    let bytes = std::fs::read(&path).map_err(|error| format!("names a file that cannot be read: {error}"))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let told =
        |problem: &Problem| format!("names a file with problems: {problem} (`causeway check {}`)", path.display());
    let text = document::decode(&bytes).map_err(|problem| told(&problem))?;
    profile::parse(&stem, text).map_err(|problems| problems.first().map(told).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn opened(name: &str, text: &str, mode: u32) -> Result<Vec<Platform>, Vec<String>> {
        let path = std::env::temp_dir().join(format!("causeway-{name}-{}.toml", std::process::id()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let opened = open(&path);
        std::fs::remove_file(&path).unwrap();
        opened
    }

    const GOOD: &str = "[[platforms]]\nprofile = \"tripleseat\"\nclient_id = \"a\"\nclient_secret = \"TOP\"\n\
                        redirect_uri = \"https://partner.example/callback\"\n";

    #[test]
    fn c_13_a_file_of_secrets_is_its_owners_alone() {
        assert_eq!(opened("own", GOOD, 0o600).unwrap().len(), 1);
        let problems = opened("shared", GOOD, 0o640).unwrap_err();
        assert!(problems[0].contains("chmod 600"), "{problems:?}");
    }

    #[test]
    fn what_is_wrong_with_addresses_and_profiles_is_named_and_no_secret_is() {
        let problems = |text: &str| opened("wrong", text, 0o600).unwrap_err().join("\n");
        let plain = problems(&GOOD.replace("https://", "http://"));
        assert!(plain.contains("redirect_uri must begin with https://"), "{plain}");
        let nowhere = problems(&GOOD.replace("\"tripleseat\"", "\"nowhere\""));
        assert!(nowhere.contains("line 2") && nowhere.contains("shipped profile"), "{nowhere}");
        let file = problems(&GOOD.replace("\"tripleseat\"", "\"gone/none.toml\""));
        assert!(file.contains("cannot be read"), "{file}");
        assert!(problems("").contains("[[platforms]]"));
        assert!(!format!("{plain}{nowhere}{file}").contains("TOP"));
    }
}
