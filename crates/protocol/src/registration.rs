//! What may be registered as an app: each field on its own, every problem at once (CORE-18). Who may register, and what
//! happens then, is the flow's business; `registration/logo.rs` looks at images.

mod address;
pub mod logo;
pub mod lookalike;

pub use address::{redirect_problem, uri_problem};

use address::Address;

use crate::profile::{Profile, Registration, RegistrationRules};
use crate::records::{App, AppStatus, ClientKind, Visibility};
use crate::{CustomerId, ScopeSet, Scopes};

/// The longest name, in characters.
pub const MAX_NAME: usize = 80;
/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 2_000;
/// The longest link, in bytes.
pub const MAX_LINK: usize = 500;
/// The longest note of a reviewer, in characters.
pub const MAX_NOTE: usize = 1_000;
/// So many apps may belong to one customer.
pub const MAX_APPS: usize = 100;
/// So many may be registered by one person, so that nobody takes all places of their customer.
pub const MAX_APPS_EACH: usize = 25;

/// What somebody typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// What people read on consent.
    pub name: String,
    /// One paragraph; may be empty.
    pub description: String,
    /// The maker's page; may be empty.
    pub link: String,
    /// One a line.
    pub redirect_uris: String,
    /// "private" (only for the own customer) or "public"; see [`Reach`].
    pub visibility: String,
    /// "confidential" or "public" (RFC 6749 2.1): whether it can keep a secret.
    pub kind: String,
    /// Words that were chosen; means nothing where the profile does not ask.
    pub scopes: Vec<String>,
    /// Providers that were chosen.
    pub providers: Vec<String>,
}

/// What may stand in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// See [`App::name`].
    pub name: String,
    /// See [`App::description`].
    pub description: String,
    /// See [`App::info_url`].
    pub info_url: String,
    /// See [`App::redirect_uris`].
    pub redirect_uris: Vec<String>,
    /// Only for the own customer.
    pub private: bool,
    /// See [`App::kind`].
    pub kind: ClientKind,
    /// See [`App::scopes`].
    pub scopes: ScopeSet,
    /// See [`App::providers`].
    pub providers: Vec<String>,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Its name.
    Name,
    /// Its description.
    Description,
    /// Its link.
    Link,
    /// Where it returns to.
    RedirectUris,
    /// Whether it can keep a secret.
    Kind,
    /// Who can connect it.
    Visibility,
    /// What it may be granted.
    Scopes,
    /// Its providers.
    Providers,
    /// Its logo.
    Logo,
    /// What staff say about it.
    Note,
}

/// What is wrong with a field: completes "It …", in words for whoever typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub field: Field,
    /// A whole sentence.
    pub says: String,
}

impl Problem {
    /// Of this field.
    pub fn new(field: Field, says: impl Into<String>) -> Self {
        Self { field, says: says.into() }
    }
}

/// Whether the form asks who can connect the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It does, and something must be chosen.
    Asked,
    /// There is no choice: it is private, or it is not.
    Fixed(bool),
}

/// What is known beside the wish.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// Names of apps that nobody else may have, in any look-alike; `None` where any name may be given: by staff, or where
    /// it stays as it is.
    pub taken: Option<&'a [String]>,
    /// See [`Reach`].
    pub reach: Reach,
}

/// Looks at a wish. Everything that is wrong is answered, in the order of the fields.
///
/// # Errors
/// At least one problem.
pub fn check(wish: &Wish, profile: &Profile, registry: &Scopes, around: Around) -> Result<Draft, Vec<Problem>> {
    let rules = &profile.registration;
    let mut problems = Vec::new();
    // What is wrong with it is said in its place, after the addresses that depend on it.
    let chosen = match wish.kind.as_str() {
        "confidential" => Some(ClientKind::Confidential),
        "public" => Some(ClientKind::Public),
        _ => None,
    };
    let kind = chosen.unwrap_or(ClientKind::Confidential);
    let draft = Draft {
        name: name(&wish.name, profile, around.taken, &mut problems),
        description: paragraph(&wish.description, Field::Description, MAX_DESCRIPTION, &mut problems),
        info_url: link(&wish.link, &mut problems),
        redirect_uris: redirect_uris(&wish.redirect_uris, kind, rules, &mut problems),
        kind: {
            if chosen.is_none() {
                problems.push(Problem::new(Field::Kind, "Choose where it runs: on a server, or on devices."));
            }
            kind
        },
        private: private(&wish.visibility, around.reach, &mut problems),
        scopes: scopes(&wish.scopes, profile, registry, &mut problems),
        providers: providers(&wish.providers, rules, &mut problems),
    };
    if problems.is_empty() { Ok(draft) } else { Err(problems) }
}

fn private(text: &str, reach: Reach, problems: &mut Vec<Problem>) -> bool {
    let says = match (text, reach) {
        ("private", Reach::Asked | Reach::Fixed(true)) => return true,
        ("public", Reach::Asked | Reach::Fixed(false)) => return false,
        ("", Reach::Fixed(private)) => return private,
        ("private", Reach::Fixed(false)) => "This app cannot be private: there is no account to keep it for.",
        ("public", Reach::Fixed(true)) => "This app stays private.",
        _ => "Choose who can connect it.",
    };
    problems.push(Problem::new(Field::Visibility, says));
    // The narrower one, should anybody read on.
    true
}

fn name(text: &str, profile: &Profile, taken: Option<&[String]>, problems: &mut Vec<Problem>) -> String {
    let name = text.trim();
    let says = if !name.chars().any(char::is_alphanumeric) {
        "Give the app a name that people can read.".to_owned()
    } else if name.chars().count() > MAX_NAME {
        format!("A name has at most {MAX_NAME} characters.")
    } else if name.chars().any(|c| c.is_control() || is_hidden(c)) {
        "A name holds only characters that can be seen.".to_owned()
    } else if lookalike::is_stacked(name) {
        format!("At most {} accents fit on one letter.", lookalike::MAX_MARKS)
    } else if let Some(says) = taken.and_then(|taken| poses(name, profile, taken)) {
        says
    } else {
        return name.to_owned();
    };
    problems.push(Problem::new(Field::Name, says));
    String::new()
}

/// Why people would take the name for another one (SECURITY AR-12).
fn poses(name: &str, profile: &Profile, taken: &[String]) -> Option<String> {
    let (own, platform) = (lookalike::skeleton(name), lookalike::skeleton(&profile.name));
    if !platform.is_empty() && own.contains(&platform) {
        return Some(format!("A name that looks like “{}” is kept for {0} itself.", profile.name));
    }
    let same = !own.is_empty() && taken.iter().any(|other| lookalike::skeleton(other) == own);
    same.then(|| {
        "Another app has this name, or one that looks like it. Choose a name that cannot be confused.".to_owned()
    })
}

/// Text without line breaks, as consent shows it.
fn paragraph(text: &str, field: Field, longest: usize, problems: &mut Vec<Problem>) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > longest {
        problems.push(Problem::new(field, format!("At most {longest} characters fit here.")));
    } else if text.chars().any(|c| c.is_control() || is_hidden(c)) {
        problems.push(Problem::new(field, "This holds characters that cannot be seen."));
    }
    text
}

/// Characters without a shape that can only deceive: they turn the direction of text, or hide in it (SECURITY AR-12).
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// A reviewer's note, which a rejection must have.
///
/// # Errors
/// What is wrong with it.
pub fn note(text: &str, required: bool) -> Result<String, Problem> {
    let mut problems = Vec::new();
    let note = paragraph(text, Field::Note, MAX_NOTE, &mut problems);
    if required && note.is_empty() {
        problems.push(Problem::new(Field::Note, "Say why: the app’s maker will read it."));
    }
    problems.pop().map_or(Ok(note), Err)
}

fn link(text: &str, problems: &mut Vec<Problem>) -> String {
    let text = text.trim();
    let web = Address::read(text).is_some_and(|address| address.is_web() && address.is_named());
    if !text.is_empty() && (!web || text.len() > MAX_LINK) {
        problems.push(Problem::new(
            Field::Link,
            format!("This must be a whole address such as https://app.example, of at most {MAX_LINK} characters."),
        ));
    }
    text.to_owned()
}

fn redirect_uris(text: &str, kind: ClientKind, rules: &RegistrationRules, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut report = |says: String| problems.push(Problem::new(Field::RedirectUris, says));
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if found.len() >= rules.redirect_uris as usize {
            let most = rules.redirect_uris;
            report(match most {
                1 => "An app has one redirect URI here.".to_owned(),
                _ => format!("An app has at most {most} redirect URIs."),
            });
            break;
        }
        if found.iter().any(|known| known == line) {
            report(format!("{} stands here twice.", short(line)));
        } else if let Some(why) = redirect_problem(line, kind) {
            report(format!("{} {why}.", short(line)));
        }
        found.push(line.to_owned());
    }
    if found.is_empty() {
        report("Say where people return to after they have decided.".to_owned());
    }
    found
}

/// An address that stands in a message: it may be as long as somebody liked.
fn short(text: &str) -> String {
    const SHOWN: usize = 80;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

fn scopes(words: &[String], profile: &Profile, registry: &Scopes, problems: &mut Vec<Problem>) -> ScopeSet {
    let of = |words: &mut dyn Iterator<Item = &str>| registry.set(words);
    let all = profile.scopes.iter().map(|word| word.name.as_str());
    if !profile.registration.scopes {
        return of(&mut all.clone()).unwrap_or_default();
    }
    let known = words.iter().all(|word| all.clone().any(|known| known == word));
    let required = &profile.authorize.required_scopes;
    let missing = required.iter().find(|word| !words.contains(word));
    let says = if !known {
        "Choose among the permissions that are listed.".to_owned()
    } else if words.is_empty() {
        "Choose at least one permission: an app without any could be granted nothing.".to_owned()
    } else if let Some(word) = missing {
        format!("No request is accepted without “{word}”.")
    } else {
        return of(&mut words.iter().map(String::as_str)).unwrap_or_default();
    };
    problems.push(Problem::new(Field::Scopes, says));
    ScopeSet::EMPTY
}

fn providers(words: &[String], rules: &RegistrationRules, problems: &mut Vec<Problem>) -> Vec<String> {
    if words.iter().any(|word| !rules.providers.contains(word)) {
        problems.push(Problem::new(Field::Providers, "Choose among the providers that are listed."));
    }
    // In the profile's order, each once.
    rules.providers.iter().filter(|known| words.contains(known)).cloned().collect()
}

/// What one who is not staff makes of an app by an edit: the new record. `logo_changed`: another one is uploaded, or it is
/// taken away. Id, kind and secrets stay.
pub fn edited(old: &App, draft: &Draft, logo_changed: bool, by_staff: bool, mode: Registration) -> App {
    let visibility = match (draft.private, old.visibility, old.home) {
        (true, Visibility::Private(owner), _) => Visibility::Private(owner),
        (true, Visibility::Public, Some(home)) => Visibility::Private(home),
        _ => Visibility::Public,
    };
    let wears_another_face = old.name != draft.name || old.info_url != draft.info_url || logo_changed;
    let reaches_further = !draft.scopes.within(old.scopes)
        || matches!(old.visibility, Visibility::Private(_)) && visibility == Visibility::Public;
    let back_to_review = match old.status {
        // Today's Cal.com: another name, logo, link or wider scopes are looked at again; narrower ones are not.
        AppStatus::Approved => mode == Registration::Review && (wears_another_face || reaches_further),
        // Whoever mends what was found fault with asks again.
        AppStatus::Rejected => mode == Registration::Review,
        AppStatus::Pending => false,
    };
    App {
        name: draft.name.clone(),
        description: draft.description.clone(),
        info_url: draft.info_url.clone(),
        redirect_uris: draft.redirect_uris.clone(),
        visibility,
        scopes: draft.scopes,
        providers: draft.providers.clone(),
        status: if back_to_review && !by_staff { AppStatus::Pending } else { old.status },
        // What was checked was the maker under that name.
        verified: old.verified && (by_staff || !wears_another_face),
        ..old.clone()
    }
}

/// The status of an app that was just registered.
pub fn first_status(mode: Registration, by_staff: bool) -> AppStatus {
    match mode {
        Registration::Review if !by_staff => AppStatus::Pending,
        _ => AppStatus::Approved,
    }
}

/// Who may connect an app that was just registered.
pub fn visibility(private: bool, home: Option<CustomerId>) -> Visibility {
    home.filter(|_| private).map_or(Visibility::Public, Visibility::Private)
}

#[cfg(test)]
mod tests;
