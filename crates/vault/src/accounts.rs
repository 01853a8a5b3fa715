//! Accounts that a partner registers at a platform for its own users, ahead of connecting them (ORC-14), and such a user's
//! way into the platform's mini-app (ORC-15). Connecting one is `connect`'s: an account has the same name in both.

use causeway_protocol::params::append_query;
use causeway_protocol::profile::AccountRules;
use causeway_protocol::refusal::allowed_ascii;
use causeway_protocol::secret::Secret;
use causeway_protocol::{Reason, Refusal};
use serde_json::{Map, Value};

use crate::client::TOKEN_ANSWER;
use crate::platform::Platform;
use crate::reply::{self, AccountMeaning};
use crate::show;
use crate::speech;
use crate::timeline::{Outcome, StepKind};
use crate::vault::{Inner, Vault};

const REGISTERED: &str =
    "The platform knows this account now, under this app. Nothing is shared before it is connected.";
const SIGNED_IN: &str = "A sign-in token: good once and for minutes. The browser carries it to the mini-app, so that \
     nobody has to sign in there.";

/// One of the partner's own users, as the platform is to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// The partner's own id of it, and the name under which it is connected.
    pub account: String,
    /// For people.
    pub name: String,
    /// IANA: `America/New_York`.
    pub timezone: String,
    /// ISO 4217: `USD`.
    pub currency: String,
}

/// What came of registering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// It is new there.
    Now,
    /// The platform had it under this app already.
    Before,
}

impl Vault {
    /// Registers an account with the app's API key, and remembers it.
    ///
    /// Errors: 108 the platform has no such accounts · 912 it does not take this one, and why · 1101 it stands there
    /// under another app · 1103 it does not take the key · 905 it cannot be reached.
    pub async fn register_account(
        &self,
        platform: &str,
        key: &Secret,
        new: &NewAccount,
    ) -> Result<Registered, Refusal> {
        let inner = &self.0;
        let (platform, rules) = inner.platform_with_accounts(platform)?;
        let fields = [
            ("appId", platform.client_id.as_str()),
            ("accountId", &new.account),
            ("accountName", &new.name),
            ("timezone", &new.timezone),
            ("currency", &new.currency),
        ];
        let came = match inner.ask_about(platform, &rules.register, key, &new.account, &fields, REGISTERED).await {
            Ok(_) => Registered::Now,
            Err(refusal) if refusal.reason == Reason::AccountTaken => {
                // Under this app or under another one? Only its own app gets a sign-in token for it.
                let ours = inner.sign_in_token(platform, rules, key, &new.account).await;
                ours.map_err(|why| if why.reason == Reason::AccountRefused { refusal } else { why })?;
                Registered::Before
            }
            Err(refusal) => return Err(refusal),
        };
        self.remember_account(platform.key(), &new.account, &new.name).await?;
        Ok(came)
    }

    /// Remembers an account that was registered elsewhere: by hand, or by another program of the partner.
    pub async fn remember_account(&self, platform: &str, account: &str, name: &str) -> Result<(), Refusal> {
        let (platform, account, name) = (platform.to_owned(), account.to_owned(), name.to_owned());
        Ok(self.0.store.remember_account(platform, account, name, self.0.clock.now()).await?)
    }

    /// Whether this account was registered there, as far as the vault knows.
    pub async fn knows_account(&self, platform: &str, account: &str) -> Result<bool, Refusal> {
        Ok(self.0.store.knows_account(platform.to_owned(), account.to_owned()).await?)
    }

    /// The address that signs this account's person in at the mini-app, with a fresh token: good once, so it is fetched
    /// anew for each visit. Errors: those of [`Vault::register_account`].
    pub async fn mini_app(&self, platform: &str, key: &Secret, account: &str) -> Result<String, Refusal> {
        let inner = &self.0;
        let (platform, rules) = inner.platform_with_accounts(platform)?;
        let token = inner.sign_in_token(platform, rules, key, account).await?;
        let pairs = [("account-id", account), ("app-id", &platform.client_id), ("token", token.expose())];
        Ok(append_query(&format!("{}{}", platform.login_url, rules.mini_app), &pairs))
    }
}

impl Inner {
    fn platform_with_accounts(&self, platform: &str) -> Result<(&Platform, &AccountRules), Refusal> {
        let platform = self.platforms.get(platform).ok_or(Reason::NoSuchPage.refuse())?;
        let rules = platform.profile.accounts.as_ref().ok_or(Reason::NoSuchPage.refuse())?;
        Ok((platform, rules))
    }

    async fn sign_in_token(
        &self,
        platform: &Platform,
        rules: &AccountRules,
        key: &Secret,
        account: &str,
    ) -> Result<Secret, Refusal> {
        let fields = [("accountId", account), ("appId", platform.client_id.as_str())];
        let reply = self.ask_about(platform, &rules.sign_in, key, account, &fields, SIGNED_IN).await?;
        let token = reply.get("token").and_then(Value::as_str).filter(|token| !token.is_empty());
        token.map(Secret::new).ok_or(Reason::AnswerUnreadable.about("it holds no sign-in token"))
    }

    /// One request with the app's API key. One try: a person waits, and presses again.
    async fn ask_about(
        &self,
        platform: &Platform,
        path: &str,
        key: &Secret,
        account: &str,
        fields: &[(&str, &str)],
        meaning: &str,
    ) -> Result<Map<String, Value>, Refusal> {
        let out = speech::account_call(platform, path, key, fields);
        let result = self.send(platform, &out, TOKEN_ANSWER).await;
        let (answer, shown) = match &result {
            Ok(answer) => (reply::account_meaning(answer), reply::shown_call(answer)),
            Err(why) => (AccountMeaning::Failing(why.words().to_owned()), why.words().to_owned()),
        };
        let refusal = match answer {
            AccountMeaning::Done(fields) => {
                self.note(
                    (platform.key(), account),
                    StepKind::Account,
                    Outcome::Good,
                    (out.shown, shown),
                    meaning.to_owned(),
                );
                return Ok(fields);
            }
            AccountMeaning::KeyRefused => Reason::AppKeyWrong.refuse(),
            AccountMeaning::Taken => Reason::AccountTaken.refuse(),
            AccountMeaning::Refused(said) => Reason::AccountRefused.about(allowed_ascii(&show::excerpt(&said, 200))),
            AccountMeaning::Failing(why) => Reason::PlatformUnreachable.about(why),
        };
        let of = (platform.key(), account);
        self.note(of, StepKind::Account, Outcome::Bad, (out.shown, shown), refusal.description());
        Err(refusal)
    }
}
