//! Apps, with their secrets, redirect URIs, providers and logos: put, replace, narrow, give new secrets; and their
//! reads.

use causeway_protocol::change::{Outcome, Row, scopes_event};
use causeway_protocol::legacy::Logo;
use causeway_protocol::records::{Act, App, FeedEvent};
use causeway_protocol::secret::SecretVerifier;
use causeway_protocol::{AppId, ScopeSet};

use super::db::{self, Db, Row as _, Sql, Value, strange, values};
use super::rows;
use super::txn::Txn;
use crate::rules;

const APP: &str = "SELECT a.id, client_id, name, owner, description, info_url, a.kind, private_to, status, verified,
    pkce_required, scopes, coalesce(off, 0), registered_by, home, logo, review_note
    FROM apps a LEFT JOIN cuts c ON c.kind = 3 AND c.id = a.id";
const REDIRECTS: &str = "SELECT uri FROM app_redirects WHERE app = ?1 ORDER BY n";
const PROVIDERS: &str = "SELECT name FROM app_providers WHERE app = ?1 ORDER BY n";

pub(super) async fn put<D: Db>(txn: Txn<'_, D>, app: &App, act: &Act) -> Sql<Outcome> {
    let old = find(txn.db, &format!("{APP} WHERE client_id = ?1"), (&app.client_id).into()).await?;
    let id = match &old {
        Some(old) => old.id,
        None => AppId(next_id(txn.db, "apps").await?),
    };
    // A logo is set by itself.
    let app = App { id, logo: old.as_ref().and_then(|old| old.logo), ..app.clone() };
    if old.as_ref() == Some(&app) {
        return txn.applied(Row::App(app));
    }
    written(txn, old.as_ref(), app, act).await
}

pub(super) async fn replace<D: Db>(txn: Txn<'_, D>, expected: &App, app: &App, act: &Act) -> Sql<Outcome> {
    let old = self::app(txn.db, expected.id).await?.filter(|old| old == expected);
    let Some(old) = old.filter(|old| (old.id, &old.client_id) == (app.id, &app.client_id)) else {
        return Ok(Outcome::Stale);
    };
    let app = App { logo: old.logo, ..app.clone() };
    if old == app {
        return txn.applied(Row::App(app));
    }
    written(txn, Some(&old), app, act).await
}

async fn written<D: Db>(mut txn: Txn<'_, D>, old: Option<&App>, app: App, act: &Act) -> Sql<Outcome> {
    write(txn.db, &app).await?;
    for event in rules::app_put(old, &app) {
        txn.take_back(app.id.into(), event, act.at).await?;
    }
    txn.audit_on(app.id, act).await?;
    txn.applied(Row::App(app))
}

pub(super) async fn set_logo<D: Db>(mut txn: Txn<'_, D>, app: AppId, logo: Option<&Logo>, act: &Act) -> Sql<Outcome> {
    let Some(old) = self::app(txn.db, app).await? else { return Ok(Outcome::Stale) };
    if self::logo(txn.db, app).await?.as_ref() == logo {
        return txn.applied(Row::App(old));
    }
    let new = App { logo: logo.map(rules::logo_digest), ..old };
    txn.db.write("UPDATE apps SET logo = ?1 WHERE id = ?2", &values![new.logo.as_ref(), app.0]).await?;
    match logo {
        None => txn.db.write("DELETE FROM logos WHERE app = ?1", &values![app.0]).await?,
        Some(logo) => {
            txn.db
                .write(
                    "INSERT INTO logos (app, content_type, bytes) VALUES (?1, ?2, ?3)
                     ON CONFLICT (app) DO UPDATE SET content_type = excluded.content_type, bytes = excluded.bytes",
                    &values![app.0, &logo.content_type, &logo.bytes],
                )
                .await?;
        }
    }
    txn.take_back(app.into(), FeedEvent::Changed, act.at).await?;
    txn.audit_on(app, act).await?;
    txn.applied(Row::App(new))
}

async fn write<D: Db>(db: &mut D, app: &App) -> Sql<()> {
    let (kind, private_to, status) = rows::app_numbers(app);
    db.write(
        "INSERT INTO apps (id, client_id, name, owner, description, info_url, kind, private_to, status, verified,
                           pkce_required, scopes, registered_by, home, logo, review_note)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
         ON CONFLICT (id) DO UPDATE
            SET client_id = excluded.client_id, name = excluded.name, owner = excluded.owner,
                description = excluded.description, info_url = excluded.info_url, kind = excluded.kind,
                private_to = excluded.private_to, status = excluded.status, verified = excluded.verified,
                pkce_required = excluded.pkce_required, scopes = excluded.scopes,
                registered_by = excluded.registered_by, home = excluded.home, logo = excluded.logo,
                review_note = excluded.review_note",
        &values![
            app.id.0,
            &app.client_id,
            &app.name,
            &app.owner,
            &app.description,
            &app.info_url,
            kind,
            private_to,
            status,
            app.verified,
            app.pkce_required,
            &app.scopes.to_bytes(),
            app.registered_by.map(|id| id.0),
            app.home.map(|id| id.0),
            app.logo.as_ref(),
            &app.review_note,
        ],
    )
    .await?;
    write_list(db, app.id, "app_redirects", "uri", &app.redirect_uris).await?;
    write_list(db, app.id, "app_providers", "name", &app.providers).await?;
    write_secrets(db, app.id, &app.secrets).await
}

async fn write_list<D: Db>(db: &mut D, app: AppId, table: &str, column: &str, texts: &[String]) -> Sql<()> {
    db.write(&format!("DELETE FROM {table} WHERE app = ?1"), &values![app.0]).await?;
    let rows: Vec<_> = (0_i64..).zip(texts).map(|(n, text)| values![app.0, n, text]).collect();
    db.write_each(&format!("INSERT INTO {table} (app, n, {column}) VALUES (?1, ?2, ?3)"), &rows).await
}

async fn write_secrets<D: Db>(db: &mut D, app: AppId, secrets: &[SecretVerifier]) -> Sql<()> {
    db.write("DELETE FROM app_secrets WHERE app = ?1", &values![app.0]).await?;
    let rows: Vec<_> =
        (0_i64..).zip(secrets).map(|(n, secret)| values![app.0, n, secret.key_id, &secret.mac]).collect();
    db.write_each("INSERT INTO app_secrets (app, n, key_id, mac) VALUES (?1, ?2, ?3, ?4)", &rows).await
}

pub(super) async fn set_scopes<D: Db>(mut txn: Txn<'_, D>, app: AppId, scopes: ScopeSet, act: &Act) -> Sql<Outcome> {
    let Some(old) = self::app(txn.db, app).await? else { return Ok(Outcome::Stale) };
    txn.db.write("UPDATE apps SET scopes = ?1 WHERE id = ?2", &values![&scopes.to_bytes(), app.0]).await?;
    txn.take_back(app.into(), scopes_event(old.scopes, scopes), act.at).await?;
    txn.audit(act).await?;
    txn.applied(Row::None)
}

pub(super) async fn set_secrets<D: Db>(
    mut txn: Txn<'_, D>,
    app: AppId,
    expected: &[SecretVerifier],
    secrets: &[SecretVerifier],
    act: &Act,
) -> Sql<Outcome> {
    match self::app(txn.db, app).await? {
        Some(old) if old.secrets == expected => {}
        _ => return Ok(Outcome::Stale),
    }
    write_secrets(txn.db, app, secrets).await?;
    txn.take_back(app.into(), FeedEvent::Changed, act.at).await?;
    txn.audit(act).await?;
    txn.applied(Row::None)
}

pub(crate) async fn app<D: Db>(db: &mut D, id: AppId) -> Sql<Option<App>> {
    find(db, &format!("{APP} WHERE a.id = ?1"), id.0.into()).await
}

/// All of them, in order of number. Their parts are read whole, too: an app has few, and a node boots with one look at each
/// table, not at each app.
pub(super) async fn all<D: Db>(db: &mut D) -> Sql<Vec<App>> {
    let found = db.rows(&format!("{APP} ORDER BY a.id"), &[]).await?;
    let mut apps: Vec<App> = found.iter().map(rows::app).collect::<Sql<_>>()?;
    for row in db.rows("SELECT app, uri FROM app_redirects ORDER BY app, n", &[]).await? {
        of(&mut apps, row.int(0)?)?.redirect_uris.push(row.text(1)?);
    }
    for row in db.rows("SELECT app, name FROM app_providers ORDER BY app, n", &[]).await? {
        of(&mut apps, row.int(0)?)?.providers.push(row.text(1)?);
    }
    for row in db.rows("SELECT app, key_id, mac FROM app_secrets ORDER BY app, n", &[]).await? {
        of(&mut apps, row.int(0)?)?.secrets.push(secret(&row, 1)?);
    }
    Ok(apps)
}

fn of(apps: &mut [App], id: i64) -> Sql<&mut App> {
    match apps.binary_search_by_key(&id, |app| app.id.0) {
        Ok(at) => Ok(&mut apps[at]),
        Err(_) => Err(strange(0, "app")),
    }
}

async fn find<D: Db>(db: &mut D, sql: &str, key: Value<'_>) -> Sql<Option<App>> {
    let Some(row) = db.row(sql, &[key]).await? else { return Ok(None) };
    let mut app = rows::app(&row)?;
    drop(row);
    let id = values![app.id.0];
    app.redirect_uris = texts(&db.rows(REDIRECTS, &id).await?)?;
    app.providers = texts(&db.rows(PROVIDERS, &id).await?)?;
    let secrets = db.rows("SELECT key_id, mac FROM app_secrets WHERE app = ?1 ORDER BY n", &id).await?;
    app.secrets = secrets.iter().map(|row| secret(row, 0)).collect::<Sql<_>>()?;
    Ok(Some(app))
}

/// `key_id, mac`, from this column on.
fn secret<R: db::Row>(row: &R, at: usize) -> Sql<SecretVerifier> {
    let key_id = u16::try_from(row.int(at)?).map_err(|_| strange(at, "key"))?;
    Ok(SecretVerifier { key_id, mac: row.bytes(at + 1)? })
}

fn texts<R: db::Row>(rows: &[R]) -> Sql<Vec<String>> {
    rows.iter().map(|row| row.text(0)).collect()
}

pub(crate) async fn logo<D: Db>(db: &mut D, app: AppId) -> Sql<Option<Logo>> {
    let found = db.row("SELECT content_type, bytes FROM logos WHERE app = ?1", &values![app.0]).await?;
    found.map(|row| Ok(Logo { content_type: row.text(0)?, bytes: row.slice(1)?.to_vec() })).transpose()
}

/// Rows of these tables are never deleted, so a number is never used twice.
pub(super) async fn next_id<D: Db>(db: &mut D, table: &str) -> Sql<i64> {
    db.one(&format!("SELECT coalesce(max(id), 0) + 1 FROM {table}"), &[]).await?.int(0)
}
