//! How a family and its subjects stand, in one statement and one round trip: what a refresh that is not plain, an introspection
//! and a revocation read. What it means is `protocol`'s business; the same in several statements stands in `sql/reads.rs`.

use causeway_protocol::change::Standing;
use causeway_protocol::{AppId, ConnectionId, CustomerId, FamilyId, Position, UserId};

use super::link::Link;
use crate::sql::db::{Db, Row as _, Sql, values};
use crate::sql::rows::{self, FAMILY};

/// The family's columns, then: the connection's scopes and whether it is live, the latest cut, whether anything is off, the
/// position. One statement sees one snapshot.
fn statement() -> &'static str {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    TEXT.get_or_init(|| {
        format!(
            "SELECT f.*, c.held, c.live, x.cut_all, x.off, m.position
               FROM meta AS m
                    LEFT JOIN (SELECT {FAMILY} FROM families WHERE id = ?1) AS f ON TRUE
                    LEFT JOIN (SELECT scopes AS held, live FROM connections WHERE id = ?2) AS c ON TRUE
                    LEFT JOIN (SELECT CAST(coalesce(max(cut_all), 0) AS BIGINT) AS cut_all,
                                      CAST(coalesce(max(off), 0) AS BIGINT) AS off
                                 FROM cuts WHERE (kind = 2 AND id = ?2) OR (kind = 3 AND id = ?3)
                                              OR (kind = 4 AND id = ?4) OR (kind = 5 AND id = ?5)) AS x ON TRUE
              WHERE m.one = 1"
        )
    })
}

/// As [`crate::Store::standing`].
pub(super) async fn standing(
    link: &mut Link,
    family: FamilyId,
    connection: ConnectionId,
    app: AppId,
    customer: CustomerId,
    user: UserId,
) -> Sql<Standing> {
    let row = link.one(statement(), &values![family.0, connection.0, app.0, customer.0, user.0]).await?;
    let behind = FAMILY.split(',').count();
    let family = row.int_or_null(0)?.map(|_| rows::family(&row)).transpose()?;
    let live = row.int_or_null(behind + 1)?;
    let held = live.map(|live| Sql::Ok((rows::scopes(&row, behind)?, live != 0))).transpose()?;
    Ok(Standing {
        family,
        connection: held,
        cut_all: Position(row.int(behind + 2)?),
        off: row.flag(behind + 3)?,
        position: Position(row.int(behind + 4)?),
    })
}

#[cfg(test)]
mod tests {
    use super::super::KeyLayout;
    use super::super::plain::Plain;
    use super::super::plain::tests::{redemption, world};
    use super::*;
    use crate::sql::reads;

    #[tokio::test]
    async fn it_takes_one_round_trip_and_says_what_the_single_statements_say() {
        for keys in KeyLayout::ALL {
            let (_, mut link) = world(keys).await;
            Plain::new(keys).apply(&mut link, &redemption(17)).await.expect("redeems");
            let cuts = "INSERT INTO cuts VALUES (2, 1, 0, 7, 0), (3, 1, 9, 5, 0), (5, 2, 0, 0, 1), (1, 17, 0, 99, 1)";
            link.run(cuts).await.expect("takes back");
            for (family, connection, user) in [(17, 1, 1), (17, 1, 2), (18, 1, 1), (17, 2, 1), (18, 2, 3)] {
                let ids = (FamilyId(family), ConnectionId(connection), AppId(1), CustomerId(1), UserId(user));
                let plain = reads::standing(&mut link, ids.0, ids.1, ids.2, ids.3, ids.4).await.expect("read");
                // The first time, it is prepared.
                standing(&mut link, ids.0, ids.1, ids.2, ids.3, ids.4).await.expect("read");
                let before = link.round_trips();
                let same = standing(&mut link, ids.0, ids.1, ids.2, ids.3, ids.4).await.expect("read");
                assert_eq!((same, link.round_trips() - before), (plain, 1), "{ids:?}");
            }
        }
    }
}
