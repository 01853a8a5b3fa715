//! Apps, with their secrets, redirect URIs, providers and logos: put, replace, narrow, give new secrets; and their
//! reads.

use causeway_protocol::change::{Outcome, Row, scopes_event};
use causeway_protocol::legacy::Logo;
use causeway_protocol::records::{Act, App, FeedEvent};
use causeway_protocol::secret::SecretVerifier;
use causeway_protocol::{AppId, ScopeSet};
use rusqlite::{Connection, OptionalExtension, ToSql, named_params, params};

use super::rows;
use super::txn::Txn;
use crate::rules;

const APP: &str = "SELECT a.id, client_id, name, owner, description, info_url, a.kind, private_to, status, verified,
    pkce_required, scopes, coalesce(off, 0), registered_by, home, logo, review_note
    FROM apps a LEFT JOIN cuts c ON c.kind = 3 AND c.id = a.id";

pub(super) fn put(txn: Txn<'_>, app: &App, act: &Act) -> rusqlite::Result<Outcome> {
    let old = find(txn.db, &format!("{APP} WHERE client_id = ?1"), &app.client_id)?;
    let id = match &old {
        Some(old) => old.id,
        None => AppId(next_id(txn.db, "apps")?),
    };
    // A logo is set by itself.
    let app = App { id, logo: old.as_ref().and_then(|old| old.logo), ..app.clone() };
    if old.as_ref() == Some(&app) {
        return txn.applied(Row::App(app));
    }
    written(txn, old.as_ref(), app, act)
}

pub(super) fn replace(txn: Txn<'_>, expected: &App, app: &App, act: &Act) -> rusqlite::Result<Outcome> {
    let old = self::app(txn.db, expected.id)?.filter(|old| old == expected);
    let Some(old) = old.filter(|old| (old.id, &old.client_id) == (app.id, &app.client_id)) else {
        return Ok(Outcome::Stale);
    };
    let app = App { logo: old.logo, ..app.clone() };
    if old == app {
        return txn.applied(Row::App(app));
    }
    written(txn, Some(&old), app, act)
}

fn written(mut txn: Txn<'_>, old: Option<&App>, app: App, act: &Act) -> rusqlite::Result<Outcome> {
    write(txn.db, &app)?;
    for event in rules::app_put(old, &app) {
        txn.take_back(app.id.into(), event, act.at)?;
    }
    txn.audit(&Act { subject: act.subject.or(Some(app.id.into())), ..act.clone() })?;
    txn.applied(Row::App(app))
}

pub(super) fn set_logo(mut txn: Txn<'_>, app: AppId, logo: Option<&Logo>, act: &Act) -> rusqlite::Result<Outcome> {
    let Some(old) = self::app(txn.db, app)? else { return Ok(Outcome::Stale) };
    if self::logo(txn.db, app)?.as_ref() == logo {
        return txn.applied(Row::App(old));
    }
    let new = App { logo: logo.map(rules::logo_digest), ..old };
    txn.db.prepare_cached("UPDATE apps SET logo = ?2 WHERE id = ?1")?.execute(params![app.0, new.logo])?;
    match logo {
        None => txn.db.prepare_cached("DELETE FROM logos WHERE app = ?1")?.execute([app.0])?,
        Some(logo) => txn
            .db
            .prepare_cached("REPLACE INTO logos (app, content_type, bytes) VALUES (?1, ?2, ?3)")?
            .execute(params![app.0, logo.content_type, logo.bytes])?,
    };
    txn.take_back(app.into(), FeedEvent::Changed, act.at)?;
    txn.audit(&Act { subject: act.subject.or(Some(app.into())), ..act.clone() })?;
    txn.applied(Row::App(new))
}

fn write(db: &Connection, app: &App) -> rusqlite::Result<()> {
    let (kind, private_to, status) = rows::app_numbers(app);
    db.prepare_cached(
        "REPLACE INTO apps (id, client_id, name, owner, description, info_url, kind, private_to, status, verified,
                            pkce_required, scopes, registered_by, home, logo, review_note)
         VALUES (:id, :client_id, :name, :owner, :description, :info_url, :kind, :private_to, :status, :verified,
                 :pkce_required, :scopes, :registered_by, :home, :logo, :review_note)",
    )?
    .execute(named_params! {
        ":id": app.id.0, ":client_id": app.client_id, ":name": app.name, ":owner": app.owner,
        ":description": app.description, ":info_url": app.info_url, ":kind": kind, ":private_to": private_to,
        ":status": status, ":verified": app.verified, ":pkce_required": app.pkce_required,
        ":scopes": app.scopes.to_bytes(), ":registered_by": app.registered_by.map(|id| id.0),
        ":home": app.home.map(|id| id.0), ":logo": app.logo, ":review_note": app.review_note,
    })?;
    write_list(db, app.id, "app_redirects", "uri", &app.redirect_uris)?;
    write_list(db, app.id, "app_providers", "name", &app.providers)?;
    write_secrets(db, app.id, &app.secrets)
}

fn write_list(db: &Connection, app: AppId, table: &str, column: &str, texts: &[String]) -> rusqlite::Result<()> {
    db.prepare_cached(&format!("DELETE FROM {table} WHERE app = ?1"))?.execute([app.0])?;
    let mut insert = db.prepare_cached(&format!("INSERT INTO {table} (app, n, {column}) VALUES (?1, ?2, ?3)"))?;
    for (n, text) in (0_i64..).zip(texts) {
        insert.execute(params![app.0, n, text])?;
    }
    Ok(())
}

fn write_secrets(db: &Connection, app: AppId, secrets: &[SecretVerifier]) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM app_secrets WHERE app = ?1")?.execute([app.0])?;
    let mut insert = db.prepare_cached("INSERT INTO app_secrets (app, n, key_id, mac) VALUES (?1, ?2, ?3, ?4)")?;
    for (n, secret) in (0_i64..).zip(secrets) {
        insert.execute(params![app.0, n, secret.key_id, secret.mac])?;
    }
    Ok(())
}

pub(super) fn set_scopes(mut txn: Txn<'_>, app: AppId, scopes: ScopeSet, act: &Act) -> rusqlite::Result<Outcome> {
    let Some(old) = self::app(txn.db, app)? else { return Ok(Outcome::Stale) };
    txn.db.prepare_cached("UPDATE apps SET scopes = ?2 WHERE id = ?1")?.execute(params![app.0, scopes.to_bytes()])?;
    txn.take_back(app.into(), scopes_event(old.scopes, scopes), act.at)?;
    txn.audit(act)?;
    txn.applied(Row::None)
}

pub(super) fn set_secrets(
    mut txn: Txn<'_>,
    app: AppId,
    expected: &[SecretVerifier],
    secrets: &[SecretVerifier],
    act: &Act,
) -> rusqlite::Result<Outcome> {
    match self::app(txn.db, app)? {
        Some(old) if old.secrets == expected => {}
        _ => return Ok(Outcome::Stale),
    }
    write_secrets(txn.db, app, secrets)?;
    txn.take_back(app.into(), FeedEvent::Changed, act.at)?;
    txn.audit(act)?;
    txn.applied(Row::None)
}

pub(super) fn app(db: &Connection, id: AppId) -> rusqlite::Result<Option<App>> {
    find(db, &format!("{APP} WHERE a.id = ?1"), &id.0)
}

pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<App>> {
    let apps: Vec<App> =
        db.prepare_cached(&format!("{APP} ORDER BY a.id"))?.query_map([], rows::app)?.collect::<Result<_, _>>()?;
    apps.into_iter().map(|app| complete(db, app)).collect()
}

fn find(db: &Connection, sql: &str, key: &dyn ToSql) -> rusqlite::Result<Option<App>> {
    let app = db.prepare_cached(sql)?.query_row([key], rows::app).optional()?;
    app.map(|app| complete(db, app)).transpose()
}

fn complete(db: &Connection, mut app: App) -> rusqlite::Result<App> {
    app.redirect_uris = list(db, app.id, "SELECT uri FROM app_redirects WHERE app = ?1 ORDER BY n")?;
    app.providers = list(db, app.id, "SELECT name FROM app_providers WHERE app = ?1 ORDER BY n")?;
    app.secrets = db
        .prepare_cached("SELECT key_id, mac FROM app_secrets WHERE app = ?1 ORDER BY n")?
        .query_map([app.id.0], |row| Ok(SecretVerifier { key_id: row.get(0)?, mac: row.get(1)? }))?
        .collect::<Result<_, _>>()?;
    Ok(app)
}

fn list(db: &Connection, app: AppId, sql: &str) -> rusqlite::Result<Vec<String>> {
    db.prepare_cached(sql)?.query_map([app.0], |row| row.get(0))?.collect()
}

pub(super) fn logo(db: &Connection, app: AppId) -> rusqlite::Result<Option<Logo>> {
    db.prepare_cached("SELECT content_type, bytes FROM logos WHERE app = ?1")?
        .query_row([app.0], |row| Ok(Logo { content_type: row.get(0)?, bytes: row.get(1)? }))
        .optional()
}

/// Rows of these tables are never deleted, so a number is never used twice.
pub(super) fn next_id(db: &Connection, table: &str) -> rusqlite::Result<i64> {
    db.prepare_cached(&format!("SELECT coalesce(max(id), 0) + 1 FROM {table}"))?.query_one([], |row| row.get(0))
}
