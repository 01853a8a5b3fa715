//! Where settings are said: the environment, the file, the manual. What they mean stands in `resolve`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use causeway_protocol::document::{self, Problem, Table};

use super::{CONFIG, SETTINGS, Setting, setting};

/// A list in the file holds at most this many values.
const MAX_LIST: usize = 100;

/// What one source says, by the settings' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given(pub BTreeMap<&'static str, Vec<String>>);

impl Given {
    /// Says a value; repeated, it makes a list.
    pub fn push(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.entry(name).or_default().push(value.into());
    }

    /// The one value of a setting.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.first().map(String::as_str)
    }

    /// All values of a setting.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// These, and of `weaker` what these do not say.
    #[must_use]
    pub fn or(mut self, weaker: Given) -> Given {
        for (name, values) in weaker.0 {
            self.0.entry(name).or_insert(values);
        }
        self
    }
}

/// The variables `CAUSEWAY_*`, and a warning for each that is no setting. An empty one counts as unset.
pub fn from_env(variables: impl Iterator<Item = (String, String)>) -> (Given, Vec<String>) {
    let (mut given, mut warnings) = (Given::default(), Vec::new());
    for (variable, value) in variables {
        let Some(name) = variable.strip_prefix("CAUSEWAY_").map(str::to_ascii_lowercase) else { continue };
        match setting(&name).or(Some(&CONFIG).filter(|config| config.name == name)) {
            None => warnings.push(format!("{variable} is no setting of this program, and is ignored")),
            Some(_) if value.is_empty() => {}
            Some(setting) if setting.many => {
                value
                    .split(',')
                    .map(str::trim)
                    .filter(|each| !each.is_empty())
                    .for_each(|each| given.push(setting.name, each));
            }
            Some(setting) => given.push(setting.name, value),
        }
    }
    (given, warnings)
}

/// A settings file.
///
/// # Errors
/// Every problem with its place; unknown keys are problems.
pub fn from_file(text: &str) -> Result<Given, Vec<Problem>> {
    document::read(text, |root| {
        let mut given = Given::default();
        for setting in SETTINGS {
            values(root, setting).into_iter().for_each(|value| given.push(setting.name, value));
        }
        given
    })
}

fn values(root: &Table<'_>, setting: &Setting) -> Vec<String> {
    let number = setting.value == "N";
    match setting.many {
        true => {
            let list = root.list(setting.name, MAX_LIST).unwrap_or_default();
            list.iter().filter_map(|value| value.text().map(str::to_owned)).collect()
        }
        false if number => {
            let value = root.get(setting.name).and_then(|value| value.whole(0..=i64::MAX));
            value.map(|value| value.to_string()).into_iter().collect()
        }
        false => root.optional_text(setting.name).into_iter().collect(),
    }
}

/// The whole manual: a settings file in which everything is a comment and says its default.
pub fn manual() -> String {
    let mut text = String::from(
        "# Settings of `causeway serve`. A flag (--admin-listen) beats a variable (CAUSEWAY_ADMIN_LISTEN), which beats\n\
         # this file (--config FILE). Unknown keys are refused.\n",
    );
    for setting in SETTINGS {
        text.push('\n');
        wrap(&mut text, &setting.prose());
        let shown = setting.default.unwrap_or(setting.value);
        let value = match (setting.many, setting.value) {
            (true, _) => format!("[\"{shown}\"]"),
            (false, "N") => setting.default.unwrap_or("…").to_owned(),
            (false, _) => format!("\"{shown}\""),
        };
        let unset = if setting.default.is_some() { "" } else { "   # not set" };
        // Writing into a String cannot fail.
        let _always_ok = writeln!(text, "# {} = {value}{unset}", setting.name);
    }
    text
}

fn wrap(text: &mut String, prose: &str) {
    let mut line = String::from("#");
    for word in prose.split(' ') {
        if line.chars().count() + word.chars().count() > 110 {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
