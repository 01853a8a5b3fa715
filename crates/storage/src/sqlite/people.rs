//! People with their teams: put, and their reads. Sessions and passwords stand in `sessions`.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::records::{Act, Membership, Person, Role};
use causeway_protocol::{CustomerId, UserId};
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::apps::next_id;
use super::rows;
use super::txn::Txn;
use crate::rules;

const PERSON: &str = "SELECT p.id, email, role, customer, password, coalesce(off, 0), name
    FROM people p LEFT JOIN cuts c ON c.kind = 5 AND c.id = p.id";

pub(super) fn put(mut txn: Txn<'_>, person: &Person, act: &Act) -> rusqlite::Result<Outcome> {
    let email = person.email.to_lowercase();
    let old = by_email(txn.db, &email)?;
    let id = match &old {
        Some(old) => old.id,
        None => UserId(next_id(txn.db, "people")?),
    };
    let new = Person { id, email, teams: rules::teams(&person.teams), ..person.clone() };
    if old.as_ref() == Some(&new) {
        return txn.applied(Row::Person(id));
    }
    write(txn.db, &new)?;
    for event in rules::person_put(old.as_ref(), &new) {
        txn.take_back(id.into(), event, act.at)?;
    }
    txn.audit(&Act { subject: act.subject.or(Some(id.into())), ..act.clone() })?;
    txn.applied(Row::Person(id))
}

fn write(db: &Connection, person: &Person) -> rusqlite::Result<()> {
    db.prepare_cached(
        "REPLACE INTO people (id, email, role, customer, password, name) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        person.id.0,
        person.email,
        person.role as i64,
        person.customer.map(|id| id.0),
        person.password.0,
        person.name
    ])?;
    db.prepare_cached("DELETE FROM memberships WHERE person = ?1")?.execute([person.id.0])?;
    let mut insert = db.prepare_cached("INSERT INTO memberships (person, customer, role) VALUES (?1, ?2, ?3)")?;
    for team in &person.teams {
        insert.execute([person.id.0, team.customer.0, team.role as i64])?;
    }
    Ok(())
}

pub(super) fn person(db: &Connection, id: UserId) -> rusqlite::Result<Option<Person>> {
    find(db, &format!("{PERSON} WHERE p.id = ?1"), [id.0])
}

pub(super) fn by_email(db: &Connection, email: &str) -> rusqlite::Result<Option<Person>> {
    find(db, &format!("{PERSON} WHERE email = ?1"), [email.to_lowercase()])
}

pub(super) fn first(db: &Connection, customer: CustomerId, role: Role) -> rusqlite::Result<Option<Person>> {
    let first = "WHERE customer = ?1 AND role = ?2 AND coalesce(off, 0) = 0 ORDER BY p.id LIMIT 1";
    find(db, &format!("{PERSON} {first}"), [customer.0, role as i64])
}

fn find(db: &Connection, sql: &str, key: impl Params) -> rusqlite::Result<Option<Person>> {
    let Some(mut person) = db.prepare_cached(sql)?.query_row(key, rows::person).optional()? else { return Ok(None) };
    person.teams = db
        .prepare_cached("SELECT customer, role FROM memberships WHERE person = ?1 ORDER BY customer")?
        .query_map([person.id.0], |row| {
            Ok(Membership { customer: CustomerId(row.get(0)?), role: rows::role(row, 1)? })
        })?
        .collect::<Result<_, _>>()?;
    Ok(Some(person))
}
