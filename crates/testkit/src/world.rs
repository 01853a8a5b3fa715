//! The seed that a platform under test starts with, and the names that tests call its people and apps by.

use causeway_protocol::profile::Profile;
use causeway_server::seed::{Seed, parse};

/// The text: three customers, seven apps, six people, a few records.
pub const TEXT: &str = include_str!("../seeds/tripleseat.toml");

/// A platform with teams: four accounts, three apps, two people, an API key.
pub const CAL: &str = include_str!("../seeds/cal.toml");
/// Of [`CAL`]: runs the team "team-51", and works in "team-52".
pub const ALBA: &str = "alba@moreno.example";
/// Of [`CAL`]: works in the team "team-51".
pub const BEN: &str = "ben@okafor.example";
/// Of [`CAL`]: an API key of Alba's own account.
pub const ALBA_KEY: &str = "cal_live_alba_0123456789abcdef";

/// An admin of the customer "4100", which has two active sites.
pub const OLIVIA: &str = "olivia@harbor.example";
/// A member of "4100".
pub const MARCO: &str = "marco@harbor.example";
/// An admin of the customer "4200", which has one active site.
pub const PRIYA: &str = "priya@kettle.example";
/// An admin of the customer "4300", which has no active site.
pub const JUNE: &str = "june@juniper.example";
/// Works for the platform.
pub const SAM: &str = "sam@platform.example";
/// Everybody's password is this and the part of the address before the @.
pub const PASSWORD: &str = "pass-";

/// A seed, read for this profile.
pub fn seed(text: &str, profile: &Profile) -> Seed {
    parse(text, Some(profile), &[]).unwrap_or_else(|problems| panic!("the test seed: {problems:?}"))
}

/// Somebody's password.
pub fn password(email: &str) -> String {
    format!("{PASSWORD}{}", email.split('@').next().unwrap_or_default())
}
