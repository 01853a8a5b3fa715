//! Opening a database: speak to it, bring its tables to this program's, see that they may be written. How it is spoken to stands
//! in `target.rs`, what the tables are in `schema.sql`.

use tokio_postgres::error::SqlState;

use super::migrate::{Migrator, STEPS};
use super::target::Target;
use super::{KeyLayout, Options};
use crate::OpenError;
use crate::sql::db::{Db, Row, Sql, SqlError};

use super::link::Link;

/// Tables that no right may be missing on. Reading is asked of them all.
const WRITTEN: [&str; 31] = [
    "account_ids",
    "accounts",
    "api_keys",
    "app_providers",
    "app_redirects",
    "app_secrets",
    "apps",
    "audit",
    "connections",
    "consumer_tokens",
    "consumers",
    "customers",
    "cuts",
    "decisions",
    "exchanges",
    "families",
    "feed",
    "legacy_use",
    "logos",
    "memberships",
    "meta",
    "nodes",
    "people",
    "schema_state",
    "scopes",
    "seeds",
    "sessions",
    "shares",
    "sites",
    "spent",
    "temporaries",
];

pub(super) async fn open(url: &str, options: &Options) -> Result<(Target, KeyLayout), OpenError> {
    let target = Target::parse(url)?;
    let user = target.config.get_user().unwrap_or_default();
    let failed = |why: String| OpenError(format!("{}: {}", target.name(), with_advice(why, user)));
    let wanted = match (target.keys, options.keys) {
        (Some(of_url), Some(other)) if of_url != other => {
            return Err(failed("the URL and the configuration name different layouts of keys".to_owned()));
        }
        (of_url, other) => of_url.or(other),
    };
    let mut link = target.connect(KeyLayout::Ordered, None).await.map_err(OpenError)?;
    fits(&mut link).await.map_err(failed)?;
    let migrator = Migrator { steps: STEPS, node: options.node, clock: &*options.clock, keys: wanted };
    let layout = migrator.run(&mut link).await.map_err(failed)?;
    may_write(&mut link).await.map_err(failed)?;
    Ok((target, layout))
}

/// Says what mends a right that is missing.
fn with_advice(why: String, user: &str) -> String {
    match why.contains(SqlState::INSUFFICIENT_PRIVILEGE.code()) {
        true => format!("{why}: {user} lacks that right; docs/OPERATING.md, \"Many nodes\", has the GRANTs"),
        false => why,
    }
}

/// What would make an answer a lie, or a text another one.
async fn fits(link: &mut Link) -> Result<(), String> {
    let setting = async |link: &mut Link, name: &str| -> Sql<String> {
        link.one(&format!("SELECT CAST(current_setting('{name}') AS TEXT)"), &[]).await?.text(0)
    };
    let encoding = setting(link, "server_encoding").await.unwrap_or_else(|_| "UTF8".to_owned());
    if !encoding.eq_ignore_ascii_case("UTF8") && !encoding.eq_ignore_ascii_case("UTF-8") {
        return Err(format!("the database's encoding is {encoding}: make one with ENCODING 'UTF8'"));
    }
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        if setting(link, name).await.is_ok_and(|value| value == "off") {
            return Err(format!("the server runs with {name} = off, which loses what it confirmed: switch it on"));
        }
    }
    Ok(())
}

/// Asks for every right without touching a row.
async fn may_write(link: &mut Link) -> Result<(), String> {
    for table in WRITTEN {
        let probe = format!(
            "INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0; DELETE FROM {table} WHERE 1 = 0; \
             SELECT 1 FROM {table} WHERE 1 = 0 FOR UPDATE"
        );
        match link.run(&probe).await {
            Ok(()) => {}
            Err(SqlError::Gone(why)) if why.contains("read-only") => {
                return Err("the database takes no writes: it is a standby, or set so".to_owned());
            }
            Err(error) => return Err(format!("the table {table} cannot be written: {error}")),
        }
    }
    Ok(())
}
