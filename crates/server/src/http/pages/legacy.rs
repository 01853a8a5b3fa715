//! The staff's page of who still calls with OAuth 1.0, and the same as CSV. What counts is the flow's business.

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::legacy::LegacyLine;
use causeway_protocol::{ConsumerId, UnixTime};
use http::HeaderValue;
use http::header::CONTENT_DISPOSITION;
use http::request::Parts;

use super::browser::Visitor;
use super::views::{Legacy, LegacyRow};
use super::{FormEnds, frame_of, page, refused, sign_in, signed_in, words};
use crate::flows::authorize::Shown;
use crate::flows::legacy;
use crate::flows::session::SignedIn;
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

/// Where the page stands.
pub const PATH: &str = "/staff/oauth1";

/// `?after=N` for the next page.
pub async fn list(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answered = async {
        let Some(who) = visitor(&edge, &parts).await? else {
            return Ok(sign_in::ask(&edge, &parts, None, None, sign_in::Tried::default()));
        };
        let reader = legacy::reader(&edge.node, &who)?;
        let after = after(&parts);
        let (lines, more) = reader.page(&edge.node, after).await?;
        let (_, totals) = reader.all(&edge.node).await?;
        let next = lines.last().filter(|_| more).map(|last| format!("{PATH}?after={}", last.consumer));
        let mut frame = frame_of(&edge, &parts);
        frame.person = Some(words::name(&who.person.email));
        let now = edge.node.now();
        let view = Legacy {
            frame,
            ends: ends(&edge, now),
            days: legacy::DAYS,
            totals,
            rows: lines.iter().map(|line| row(line, now)).collect(),
            later: after.is_some(),
            next,
        };
        Ok::<_, Shown>(page(Kind::Ok, &view, FormEnds::Here))
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

/// Every line, for a spreadsheet.
pub async fn csv(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answered = async {
        let Some(who) = visitor(&edge, &parts).await? else {
            return Ok(sign_in::ask(&edge, &parts, None, None, sign_in::Tried::default()));
        };
        let (lines, _) = legacy::reader(&edge.node, &who)?.all(&edge.node).await?;
        let text = lines.iter().fold(legacy::CSV_HEAD.to_owned(), |text, line| text + &legacy::csv(line));
        let mut reply = reply::text("text/csv; charset=utf-8", text);
        let name = HeaderValue::from_static("attachment; filename=\"oauth1.csv\"");
        reply.headers_mut().insert(CONTENT_DISPOSITION, name);
        Ok::<_, Shown>(reply)
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

async fn visitor(edge: &Shared, parts: &Parts) -> Result<Option<SignedIn>, Shown> {
    Ok(signed_in(edge, &Visitor::of(&edge.node, &parts.headers)).await?)
}

fn after(parts: &Parts) -> Option<ConsumerId> {
    let query = parts.uri.query()?;
    let (_, number) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "after")?;
    number.parse().ok().map(ConsumerId)
}

fn ends(edge: &Shared, now: UnixTime) -> String {
    match edge.node.profile.oauth1.as_ref().and_then(|rules| rules.ends_at) {
        Some(end) if end <= now => format!("It ended on {}.", day(end)),
        Some(end) => format!("It ends on {}.", day(end)),
        None => "No end is set.".to_owned(),
    }
}

fn day(at: UnixTime) -> String {
    at.rfc3339().split('T').next().unwrap_or_default().to_owned()
}

fn row(line: &LegacyLine, now: UnixTime) -> LegacyRow {
    LegacyRow {
        customer: words::name(&line.customer_name),
        customer_id: words::name(&line.customer_external),
        key: words::name(&line.key),
        active: line.active,
        extended: line.extended_until.map(day),
        calls: line.calls,
        route: line.route.clone().unwrap_or_default(),
        last: line.last_at.map(|at| words::when(at, now)),
        exchanges: line.exchanges,
    }
}
