//! Families: redeem, repudiate; and their reads. What is read is asked again by the write, or stands in its transaction. The
//! refresh is each engine's own.

use causeway_protocol::change::{CreateFamily, Outcome, Row};
use causeway_protocol::records::{Act, Family, FeedEvent};
use causeway_protocol::token::Bearer;
use causeway_protocol::{ConnectionId, FamilyId, ScopeSet, Subject, UnixTime};

use super::db::{self, Db, Row as _, Sql, strange, values};
use super::rows::{self, FAMILY};
use super::txn::{Txn, cuts};
use crate::rules;

pub(super) async fn create<D: Db>(mut txn: Txn<'_, D>, change: &CreateFamily) -> Sql<Outcome> {
    let family = &change.family;
    let found = txn
        .db
        .row("SELECT live, scopes, families FROM connections WHERE id = ?1", &values![family.connection.0])
        .await?;
    let connection = found.as_ref().map(held_by).transpose()?;
    let Some((true, connection_scopes, held)) = connection else { return Ok(Outcome::Stale) };
    let subjects = [family.connection.into(), change.app.into(), change.customer.into(), change.user.into()];
    if cuts(txn.db, subjects).await?.iter().any(|cuts| cuts.off || change.as_of < cuts.all) {
        return Ok(Outcome::Stale);
    }
    if !add(&mut txn, family, held, change.max_families, &change.act).await? {
        return Ok(Outcome::Stale);
    }
    txn.applied(Row::Family { family: family.clone(), connection_scopes })
}

/// `live, scopes, families` of a connection.
fn held_by<R: db::Row>(row: &R) -> Sql<(bool, ScopeSet, Vec<FamilyId>)> {
    Ok((row.flag(0)?, rows::scopes(row, 1)?, slots(row, 2)?))
}

/// Inserts a family beside those that its connection holds; false, and nothing written, if its id exists.
pub(super) async fn add<D: Db>(
    txn: &mut Txn<'_, D>,
    family: &Family,
    held: Vec<FamilyId>,
    max_families: u32,
    act: &Act,
) -> Sql<bool> {
    // The unique key is the single-use check of the code.
    let inserted = txn
        .db
        .execute(
            "INSERT INTO families (id, generation, moved_at, key_id, retry, digest, ends_at, connection, scopes, repudiated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING",
            &values![
                family.id.0,
                rows::stored_generation(family.generation),
                family.moved_at.0,
                rows::stored_key(family.key_id),
                &rows::stored_retry(family.retry),
                &family.digest.0,
                family.ends_at.0,
                family.connection.0,
                &family.scopes.to_bytes(),
                family.repudiated,
            ],
        )
        .await?;
    if inserted == 0 {
        return Ok(false);
    }
    txn.audit(act).await?;
    let held = make_room(txn, held, family, max_families, act).await?;
    txn.db
        .write("UPDATE connections SET families = ?1 WHERE id = ?2", &values![&slots_blob(&held), family.connection.0])
        .await?;
    Ok(true)
}

/// The families that the connection holds from now on, the new one included; those too many are repudiated.
async fn make_room<D: Db>(
    txn: &mut Txn<'_, D>,
    held: Vec<FamilyId>,
    new: &Family,
    max_families: u32,
    act: &Act,
) -> Sql<Vec<FamilyId>> {
    let mut living = all(txn.db, &held).await?;
    living.retain(|family| rules::is_living(family, new.moved_at));
    let mut kept: Vec<FamilyId> = living.iter().map(|family| family.id).collect();
    for id in rules::giving_way(living, max_families) {
        repudiate_row(txn, id, act.at).await?;
        txn.audit(&rules::gave_way(id, max_families, act)).await?;
        kept.retain(|held| *held != id);
    }
    kept.push(new.id);
    Ok(kept)
}

pub(super) async fn repudiate<D: Db>(mut txn: Txn<'_, D>, family: FamilyId, act: &Act) -> Sql<Outcome> {
    if !repudiate_row(&mut txn, family, act.at).await? {
        return Ok(Outcome::Stale);
    }
    txn.audit(act).await?;
    txn.applied(Row::None)
}

/// A token without a row: once, as long as the entry is remembered. Past its app's budget it goes with all others of the app.
/// What is counted are the entries themselves: they leave the feed together with these rows (`sweep`).
pub(super) async fn cut_token<D: Db>(mut txn: Txn<'_, D>, token: &Bearer, budget: u32, act: &Act) -> Sql<Outcome> {
    let standing = cuts(txn.db, rules::refusing(token)).await?;
    if standing.iter().any(|cuts| token.as_of < cuts.access.max(cuts.all)) {
        return Ok(Outcome::Stale);
    }
    let (first, last) = FamilyId::lone_of(token.app).into_inner();
    let count = "SELECT count(*) FROM cuts WHERE kind = 1 AND id >= ?1 AND id <= ?2";
    if txn.db.one(count, &values![first.0, last.0]).await?.int(0)? < budget.into() {
        txn.take_back(token.family.into(), FeedEvent::CutAll, act.at).await?;
        txn.audit(act).await?;
    } else {
        txn.take_back_again(Subject::app_itself(token.app), FeedEvent::CutAll, act.at).await?;
        txn.audit(&rules::went_with_all(budget, act)).await?;
    }
    txn.applied(Row::None)
}

async fn repudiate_row<D: Db>(txn: &mut Txn<'_, D>, family: FamilyId, at: UnixTime) -> Sql<bool> {
    let changed = txn
        .db
        .execute("UPDATE families SET repudiated = 1 WHERE id = ?1 AND repudiated = 0", &values![family.0])
        .await?;
    if changed == 1 {
        txn.take_back(family.into(), FeedEvent::CutAll, at).await?;
    }
    Ok(changed == 1)
}

/// One family's row.
pub(crate) async fn family<D: Db>(db: &mut D, id: FamilyId) -> Sql<Option<Family>> {
    Ok(all(db, &[id]).await?.pop())
}

/// Those of these families that there are, in this order.
async fn all<D: Db>(db: &mut D, ids: &[FamilyId]) -> Sql<Vec<Family>> {
    let ids: Vec<_> = ids.iter().map(|id| values![id.0]).collect();
    let found = db.row_each(&format!("SELECT {FAMILY} FROM families WHERE id = ?1"), &ids).await?;
    found.iter().flatten().map(rows::family).collect()
}

/// What a connection holds, in the order in which it came.
pub(super) async fn held<D: Db>(db: &mut D, connection: ConnectionId) -> Sql<Vec<FamilyId>> {
    let found = db.row("SELECT families FROM connections WHERE id = ?1", &values![connection.0]).await?;
    found.map_or(Ok(Vec::new()), |row| slots(&row, 0))
}

/// The rows of what it holds.
pub(crate) async fn of<D: Db>(db: &mut D, connection: ConnectionId) -> Sql<Vec<Family>> {
    let mut held = held(db, connection).await?;
    held.truncate(rules::FAMILIES_SHOWN);
    all(db, &held).await
}

/// A connection's slots, as numbers; free ones left out.
pub(crate) fn slots<R: db::Row>(row: &R, at: usize) -> Sql<Vec<FamilyId>> {
    let (slots, rest) = row.slice(at)?.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(strange(at, "slots"));
    }
    Ok(slots.iter().map(|slot| FamilyId(i64::from_be_bytes(*slot))).filter(|id| id.0 != 0).collect())
}

/// Never fewer than one slot: the first family then finds its place in a row that keeps its size.
pub(crate) fn slots_blob(held: &[FamilyId]) -> Vec<u8> {
    let mut blob: Vec<u8> = held.iter().flat_map(|id| id.0.to_be_bytes()).collect();
    blob.resize(blob.len().max(8), 0);
    blob
}
