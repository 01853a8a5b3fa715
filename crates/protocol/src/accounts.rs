//! Accounts that apps register for their own users: the fields of one, its Auth Status, the sign-in token and the visit to
//! the mini-app that follows (PLATFORMS 6, ORC-02, 06, 10, 11). Where rows and requests come from does not belong here.

use crate::authorize::MAX_ACCOUNT;
use crate::legacy::Account;
use crate::params::Params;
use crate::profile::Profile;
use crate::records::{App, Connection, Family};
use crate::seal::{Kind, Sealed, sha256};
use crate::wire::{Reader, Writer};
use crate::{AppId, CustomerId, Reason, Refusal, UnixTime};

/// The longest name of an account, in characters.
pub const MAX_NAME: usize = 200;

/// IANA time zones, one a line, sorted by bytes: the names of the tz database and their links.
const ZONES: &str = include_str!("accounts/zones.txt");
/// ISO 4217: codes in use, of money and of funds.
const CURRENCIES: &str = include_str!("accounts/currencies.txt");

/// What an account is made of, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Chosen by the app; unique on the platform.
    pub account_id: String,
    /// For people.
    pub name: String,
    /// IANA: `America/New_York`.
    pub timezone: String,
    /// ISO 4217: `USD`.
    pub currency: String,
}

/// Names of the fields as requests send them (ORC-02).
pub mod field {
    /// The app's client id.
    pub const APP: &str = "appId";
    /// The account's id.
    pub const ACCOUNT: &str = "accountId";
    /// Its name.
    pub const NAME: &str = "accountName";
    /// Its time zone.
    pub const TIMEZONE: &str = "timezone";
    /// Its currency.
    pub const CURRENCY: &str = "currency";
}

impl Fields {
    /// Reads all four, and that an app is named; a refusal names everything that is missing or malformed.
    pub fn read(params: &Params) -> Result<Self, Refusal> {
        let mut problems = Vec::new();
        let mut value = |name: &'static str, wants: &str, fits: &dyn Fn(&str) -> bool| -> Result<String, Refusal> {
            let found = params.get(name)?;
            match found {
                Some(text) if fits(text) => return Ok(text.to_owned()),
                Some(_) => problems.push(format!("{name} is not {wants}")),
                None => problems.push(format!("{name} is missing")),
            }
            Ok(String::new())
        };
        value(field::APP, "a client id", &is_id)?;
        let fields = Self {
            account_id: value(field::ACCOUNT, "1 to 200 visible ASCII characters", &is_id)?,
            name: value(field::NAME, "a name of at most 200 characters", &is_name)?,
            timezone: value(field::TIMEZONE, "an IANA time zone such as America/New_York", &is_timezone)?,
            currency: value(field::CURRENCY, "an ISO 4217 code such as USD", &is_currency)?,
        };
        if problems.is_empty() { Ok(fields) } else { Err(Reason::AccountFieldsWrong.about(problems.join("; "))) }
    }
}

/// An id travels in URLs, headers and logs: 1 to 200 visible ASCII characters.
pub fn is_id(text: &str) -> bool {
    (1..=MAX_ACCOUNT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= MAX_NAME && !text.chars().any(char::is_control)
}

/// Whether this is a name of the tz database, in its own spelling.
pub fn is_timezone(text: &str) -> bool {
    zones().any(|zone| zone == text)
}

/// Every time zone.
pub fn zones() -> impl Iterator<Item = &'static str> {
    ZONES.lines()
}

/// Whether this is a code of ISO 4217, in capitals.
pub fn is_currency(text: &str) -> bool {
    currencies().any(|code| code == text)
}

/// Every currency.
pub fn currencies() -> impl Iterator<Item = &'static str> {
    CURRENCIES.split_ascii_whitespace()
}

/// What the dashboard says of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthStatus {
    /// The app holds, or is about to fetch, tokens that work.
    Online,
    /// It holds none.
    Offline,
}

impl AuthStatus {
    /// On pages and in replies.
    pub fn word(self) -> &'static str {
        match self {
            AuthStatus::Online => "Online",
            AuthStatus::Offline => "Offline",
        }
    }
}

/// ORC-06, from the rows as they stand: Online after consent; Offline before it, once it was taken back, and when nothing is
/// left that could be refreshed. A consent whose code nobody has redeemed counts as long as the code could be.
pub fn auth_status(
    connection: Option<&Connection>,
    families: &[Family],
    now: UnixTime,
    profile: &Profile,
) -> AuthStatus {
    let Some(connection) = connection.filter(|connection| connection.live) else { return AuthStatus::Offline };
    let life = profile.token.refresh_life;
    let lives = |family: &Family| {
        !family.repudiated
            && now < family.ends_at
            && now < family.moved_at + life.idle
            && family.connection == connection.id
    };
    let redeemed = families.iter().any(|family| family.moved_at >= connection.allowed_at);
    let awaited = !redeemed && now < connection.allowed_at + profile.token.code_life;
    if awaited || families.iter().any(lives) { AuthStatus::Online } else { AuthStatus::Offline }
}

/// Proves once, for a short time, that the app sends this account's person (ORC-10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInToken {
    /// Whose.
    pub app: AppId,
    /// The account's customer.
    pub customer: CustomerId,
    /// Makes it unique.
    pub nonce: [u8; 16],
    /// The first second in which it is no longer good.
    pub expires_at: UnixTime,
}

impl SignInToken {
    /// What is remembered of it once it was used.
    pub fn digest(&self) -> [u8; 16] {
        sha256(&[b"sign-in token", &self.app.0.to_be_bytes(), &self.customer.0.to_be_bytes(), &self.nonce])
    }

    /// Whether it stands for this app and account now. Whether it was used already, the store knows.
    pub fn check(&self, app: &App, account: &Account, now: UnixTime) -> Result<(), Refusal> {
        if self.app != app.id || self.customer != account.customer || account.app != app.id {
            return Err(Reason::SignInTokenForeign.refuse());
        }
        if now >= self.expires_at { Err(Reason::SignInTokenSpent.refuse()) } else { Ok(()) }
    }
}

impl Sealed for SignInToken {
    const KIND: Kind = Kind::SignIn;

    fn write(&self, to: &mut Writer) {
        to.int(self.app.0).int(self.customer.0).fixed(&self.nonce).int(self.expires_at.0);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            app: AppId(from.int()?),
            customer: CustomerId(from.int()?),
            nonce: from.fixed()?,
            expires_at: UnixTime(from.int()?),
        })
    }
}

/// Somebody in the mini-app, signed in as an account: what the cookie holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Whose mini-app.
    pub app: AppId,
    /// The account's customer.
    pub customer: CustomerId,
    /// What the visit's forms and its ways to providers are bound to.
    pub session: [u8; 16],
    /// The first second in which it is over.
    pub expires_at: UnixTime,
}

impl Sealed for Visit {
    const KIND: Kind = Kind::Visit;

    fn write(&self, to: &mut Writer) {
        to.int(self.app.0).int(self.customer.0).fixed(&self.session).int(self.expires_at.0);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            app: AppId(from.int()?),
            customer: CustomerId(from.int()?),
            session: from.fixed()?,
            expires_at: UnixTime(from.int()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Result<Fields, Refusal> {
        let mut params = Params::default();
        for (name, value) in pairs {
            params.push((*name).to_owned(), (*value).to_owned())?;
        }
        Fields::read(&params)
    }

    #[test]
    fn orc_02_fields_are_checked_all_at_once() {
        let good = [
            (field::APP, "6a1c0cac-02c3-4e03-8b93-eb922bf089c0"),
            (field::ACCOUNT, "example.myshopify.com"),
            (field::NAME, "Café Zoë"),
            (field::TIMEZONE, "America/Argentina/ComodRivadavia"),
            (field::CURRENCY, "JPY"),
        ];
        assert_eq!(fields(&good).expect("good").timezone, "America/Argentina/ComodRivadavia");
        let long = "x".repeat(MAX_ACCOUNT + 1);
        for (at, bad) in
            [(1, long.as_str()), (1, "a b"), (1, "é"), (2, "  "), (3, "utc"), (3, "UTC "), (4, "EURO"), (4, "XXX")]
        {
            let mut pairs = good;
            pairs[at].1 = bad;
            let refusal = fields(&pairs).expect_err(bad);
            assert!(refusal.detail.as_deref().is_some_and(|text| text.starts_with(pairs[at].0)), "{bad}: {refusal:?}");
        }
        let all = fields(&[]).expect_err("nothing").detail.unwrap_or_default();
        assert_eq!(all.matches(" is missing").count(), 5, "{all}");
        assert_eq!(fields(&[good[0], good[0]]).expect_err("twice").reason, Reason::ParameterRepeated);
    }

    #[test]
    fn orc_02_the_lists_of_zones_and_currencies_are_whole() {
        for zone in ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York", "Etc/GMT+12"] {
            assert!(is_timezone(zone), "{zone}");
        }
        assert!(zones().count() > 500 && zones().is_sorted());
        assert!(currencies().count() > 150 && currencies().is_sorted());
        assert!(currencies().all(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())));
    }
}
