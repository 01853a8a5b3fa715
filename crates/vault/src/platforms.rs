//! Reads a list of platforms that somebody wrote down (TOML): what a developer copies from each platform's console. The
//! platform's side reads it for its providers, the partner's side for what it connects to. What is done with one stands
//! elsewhere.

use causeway_protocol::document::{self, Problem, Table};
use causeway_protocol::profile::Profile;
use causeway_protocol::secret::Secret;

use crate::platform::Platform;

/// So many platforms in one file.
const MOST: usize = 64;

/// Reads `[[platforms]]`: `profile`, `client_id`, [`client_secret`], [`redirect_uri`], [`scopes`: words between spaces],
/// and [`login_url`, `api_url`, `token_url`, `issuer`] where they are not the profile's own. `profile` finds a profile by what the file
/// calls it.
///
/// An absent `redirect_uri` stays empty: the reader's own address, which only the reader knows.
///
/// # Errors
/// Every problem, in the order of the file.
pub fn read(text: &str, profile: &dyn Fn(&str) -> Result<Profile, String>) -> Result<Vec<Platform>, Vec<Problem>> {
    document::read(text, |root| {
        let mut known: Vec<Platform> = Vec::new();
        for table in root.tables("platforms", MOST) {
            let Some(platform) = platform(&table, profile) else { continue };
            if known.iter().any(|other| other.key() == platform.key()) {
                table.report("profile", "names a platform that stands in this file already");
            }
            known.push(platform);
        }
        known
    })
}

fn platform(table: &Table<'_>, profile: &dyn Fn(&str) -> Result<Profile, String>) -> Option<Platform> {
    let named = table.text("profile");
    let client_id = table.text("client_id");
    let client_secret = table.optional_text("client_secret").map(Secret::new);
    let redirect_uri = table.text_or("redirect_uri", "");
    let scopes = table.text_or("scopes", "");
    let urls = ["login_url", "api_url", "token_url", "issuer"].map(|key| table.optional_text(key));
    let profile = match profile(&named) {
        Ok(profile) => profile,
        Err(why) => {
            if let Some(value) = table.get("profile") {
                value.report(why);
            }
            return None;
        }
    };
    let [login_url, api_url, token_url, issuer] = urls;
    // A platform that stands elsewhere has its token endpoint there as well.
    let own = login_url.is_none() && api_url.is_none();
    let token_url = token_url.or_else(|| profile.partner.token_base.clone().filter(|_| own));
    let login_url = login_url.unwrap_or_else(|| profile.partner.login_base.clone());
    Some(Platform {
        api_url: api_url.unwrap_or_else(|| profile.partner.api_base.clone()),
        issuer: issuer.unwrap_or_else(|| login_url.clone()),
        login_url,
        token_url,
        client_id,
        client_secret,
        redirect_uri,
        scopes: scopes.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        profile,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &str) -> Result<Profile, String> {
        causeway_protocol::profile::shipped(name).ok_or_else(|| format!("no profile {name}"))
    }

    #[test]
    fn a_file_says_what_a_developer_copied() {
        let text = "[[platforms]]\nprofile = \"tripleseat\"\nclient_id = \"a\"\nclient_secret = \"b\"\n\
                    scopes = \"read  leads:read\"\n\n[[platforms]]\nprofile = \"default\"\nclient_id = \"c\"\n\
                    login_url = \"http://127.0.0.1:1\"\napi_url = \"http://127.0.0.1:2\"\n";
        let platforms = read(text, &known).expect("a good file");
        assert_eq!(platforms[0].login_url, "https://login.tripleseat.com");
        assert_eq!(platforms[0].scopes, ["read", "leads:read"]);
        assert_eq!((platforms[1].issuer.as_str(), platforms[1].key()), ("http://127.0.0.1:1", "default"));
        assert!(platforms[1].client_secret.is_none());
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let text = "[[platforms]]\nprofile = \"nobody\"\nclient_id = \"a\"\n[[platforms]]\nprofile = \"default\"\n\
                    surprise = 1\n";
        let problems = read(text, &known).expect_err("a bad file");
        let all = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for part in ["no profile nobody", "client_id", "surprise"] {
            assert!(all.contains(part), "{part}: {all}");
        }
    }
}
