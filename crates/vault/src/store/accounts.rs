//! Accounts that the partner registered at platforms. Their connections stand in `connections.rs`.

use causeway_protocol::UnixTime;
use rusqlite::params;

use super::{Store, Stored};

impl Store {
    /// Takes one in; known already, its name is renewed.
    pub(crate) async fn remember_account(
        &self,
        platform: String,
        account: String,
        name: String,
        now: UnixTime,
    ) -> Stored<()> {
        self.run(move |db, _| {
            db.prepare_cached(
                "INSERT INTO accounts (platform, account, name, registered_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET name = ?3",
            )?
            .execute(params![platform, account, name, now.0])?;
            Ok(())
        })
        .await
    }

    /// Whether it is there.
    pub(crate) async fn knows_account(&self, platform: String, account: String) -> Stored<bool> {
        self.run(move |db, _| {
            Ok(db
                .prepare_cached("SELECT 1 FROM accounts WHERE platform = ?1 AND account = ?2")?
                .exists(params![platform, account])?)
        })
        .await
    }
}
