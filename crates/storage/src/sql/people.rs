//! People with their teams: put, and their reads. Sessions and passwords stand in `sessions`.

use causeway_protocol::change::{Outcome, Row};
use causeway_protocol::records::{Act, Membership, Person, Role};
use causeway_protocol::{CustomerId, UserId};

use super::apps::next_id;
use super::db::{Db, Row as _, Sql, Value, values};
use super::rows;
use super::txn::Txn;
use crate::rules;

const PERSON: &str = "SELECT p.id, email, role, customer, password, coalesce(off, 0), name
    FROM people p LEFT JOIN cuts c ON c.kind = 5 AND c.id = p.id";

pub(super) async fn put<D: Db>(mut txn: Txn<'_, D>, person: &Person, act: &Act) -> Sql<Outcome> {
    let email = person.email.to_lowercase();
    let old = by_email(txn.db, &email).await?;
    let id = match &old {
        Some(old) => old.id,
        None => UserId(next_id(txn.db, "people").await?),
    };
    let new = Person { id, email, teams: rules::teams(&person.teams), ..person.clone() };
    if old.as_ref() == Some(&new) {
        return txn.applied(Row::Person(id));
    }
    write(txn.db, &new).await?;
    for event in rules::person_put(old.as_ref(), &new) {
        txn.take_back(id.into(), event, act.at).await?;
    }
    txn.audit_on(id, act).await?;
    txn.applied(Row::Person(id))
}

async fn write<D: Db>(db: &mut D, person: &Person) -> Sql<()> {
    let id = person.id.0;
    let customer = person.customer.map(|id| id.0);
    db.write(
        "INSERT INTO people (id, email, role, customer, password, name) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE
            SET email = excluded.email, role = excluded.role, customer = excluded.customer,
                password = excluded.password, name = excluded.name",
        &values![id, &person.email, person.role as i64, customer, &person.password.0, &person.name],
    )
    .await?;
    db.write("DELETE FROM memberships WHERE person = ?1", &values![id]).await?;
    let teams: Vec<_> = person.teams.iter().map(|team| values![id, team.customer.0, team.role as i64]).collect();
    db.write_each("INSERT INTO memberships (person, customer, role) VALUES (?1, ?2, ?3)", &teams).await
}

pub(crate) async fn person<D: Db>(db: &mut D, id: UserId) -> Sql<Option<Person>> {
    find(db, &format!("{PERSON} WHERE p.id = ?1"), &values![id.0]).await
}

pub(crate) async fn by_email<D: Db>(db: &mut D, email: &str) -> Sql<Option<Person>> {
    find(db, &format!("{PERSON} WHERE email = ?1"), &values![&email.to_lowercase()]).await
}

pub(crate) async fn first<D: Db>(db: &mut D, customer: CustomerId, role: Role) -> Sql<Option<Person>> {
    let first = "WHERE customer = ?1 AND role = ?2 AND coalesce(off, 0) = 0 ORDER BY p.id LIMIT 1";
    find(db, &format!("{PERSON} {first}"), &values![customer.0, role as i64]).await
}

async fn find<D: Db>(db: &mut D, sql: &str, key: &[Value<'_>]) -> Sql<Option<Person>> {
    let found = db.row(sql, key).await?;
    let Some(mut person) = found.as_ref().map(rows::person).transpose()? else { return Ok(None) };
    drop(found);
    let teams = db
        .rows("SELECT customer, role FROM memberships WHERE person = ?1 ORDER BY customer", &values![person.id.0])
        .await?;
    let team = |row: &D::Row| Ok(Membership { customer: CustomerId(row.int(0)?), role: rows::role(row, 1)? });
    person.teams = teams.iter().map(team).collect::<Sql<_>>()?;
    Ok(Some(person))
}
