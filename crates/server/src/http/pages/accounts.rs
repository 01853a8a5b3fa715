//! The developer's pages of an app's accounts (ORC-02, ORC-12): the list with its form, one account, and the button that
//! deletes it. Whose accounts they are, and what a field may hold, is decided elsewhere.

use axum::extract::{Request, State};
use axum::response::Response;
use causeway_protocol::accounts::{AuthStatus, Fields, field};
use causeway_protocol::params::Params;
use causeway_protocol::{AppId, CustomerId, Reason, Refusal};
use http::request::Parts;

use super::account_views::{Account, AccountFields, AccountRow, Accounts};
use super::browser::{Visitor, same_origin};
use super::views::Problem;
use super::{FormEnds, card, form, page, path_part, problem, refused, sign_in, signed_frame, signed_in, words};
use crate::flows::accounts::{Keeper, Listed};
use crate::flows::authorize::Shown;
use crate::flows::caller::Refused;
use crate::flows::mini_app;
use crate::flows::session::SignedIn;
use crate::http::reply::{self, Kind};
use crate::shared::{Edge, Shared};

/// The end of the list's path, behind the app's own.
const ACCOUNTS: &str = "accounts";

/// Somebody in the pages of one app.
struct Here {
    who: SignedIn,
    keeper: Keeper,
    /// The list.
    list: String,
}

impl Here {
    /// Who is signed in and may look after the app of this path; `None`: sign in first. `depth` counts the parts of the path
    /// behind the app's number.
    async fn of(edge: &Shared, parts: &Parts, depth: usize) -> Result<Option<Self>, Shown> {
        let Some(who) = signed_in(edge, &Visitor::of(&edge.node, &parts.headers)).await? else { return Ok(None) };
        let app = path_part(parts, depth).parse().map_err(|_| Reason::NoSuchPage)?;
        let keeper = Keeper::by_person(&edge.node, &who, AppId(app)).await?;
        let list = format!("{}/{app}/{ACCOUNTS}", edge.node.profile.endpoints.apps);
        Ok(Some(Self { who, keeper, list }))
    }

    /// The same for a form.
    async fn posting(edge: &Shared, parts: &Parts, depth: usize) -> Result<Self, Shown> {
        same_origin(&edge.node, &parts.headers)?;
        Ok(Self::of(edge, parts, depth).await?.ok_or(Reason::SignInNeeded)?)
    }

    fn deed(&self, what: &str) -> String {
        format!("{what} of app {}", self.keeper.app.id)
    }

    fn check(&self, fields: &Params, what: &str) -> Result<(), Refusal> {
        let owned = self.who.owns(fields.require("token")?, &self.deed(what));
        if owned { Ok(()) } else { Err(Reason::FormForeign.refuse()) }
    }
}

/// GET: the list; `?after=N` for the next page.
pub async fn list(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answered = async {
        let Some(here) = Here::of(&edge, &parts, 1).await? else { return Ok(sign_in_first(&edge, &parts)) };
        let fresh =
            AccountFields { timezone: "UTC".to_owned(), currency: "USD".to_owned(), ..AccountFields::default() };
        listed(&edge, &parts, &here, fresh, None).await
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

/// POST: adds an account.
pub async fn add(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let here = Here::posting(&edge, &parts, 1).await?;
        let fields = form(&parts.headers, body).await?;
        here.check(&fields, ADD)?;
        let added = match Fields::read(&fields) {
            Ok(fields) => here.keeper.register(&edge, fields).await,
            Err(refusal) => Err(refusal.into()),
        };
        match added {
            Ok(_) => Ok(reply::see_other(&format!("{}?done=added", here.list))),
            Err(Refused { refusal, .. }) if is_typed(&refusal) => {
                listed(&edge, &parts, &here, typed(&fields), Some(wrong(&refusal))).await
            }
            Err(Refused { refusal, wait }) => Err(Shown { wait, ..refusal.into() }),
        }
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

/// GET: one account.
pub async fn show(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answered = async {
        let Some(here) = Here::of(&edge, &parts, 2).await? else { return Ok(sign_in_first(&edge, &parts)) };
        let one = here.keeper.numbered(&edge.node, number(&parts, 0)?).await?;
        let stands = AccountFields {
            id: one.account.external_id.clone(),
            name: words::paragraph(&one.account.name),
            timezone: one.account.timezone.clone(),
            currency: one.account.currency.clone(),
        };
        Ok(shown(&edge, &parts, &here, &one, stands, None))
    };
    answered.await.unwrap_or_else(|shown: Shown| refused::page(&edge, &parts, shown))
}

/// POST: changes it.
pub async fn edit(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let here = Here::posting(&edge, &parts, 2).await?;
        let fields = form(&parts.headers, body).await?;
        let one = here.keeper.numbered(&edge.node, number(&parts, 0)?).await?;
        here.check(&fields, &edits(one.account.customer))?;
        let edited = match Fields::read(&fields) {
            Ok(fields) => {
                // The page's own account, whatever the form says.
                let fields = Fields { account_id: one.account.external_id.clone(), ..fields };
                here.keeper.edit(&edge.node, fields).await
            }
            Err(refusal) => Err(refusal),
        };
        match edited {
            Ok(_) => Ok(reply::see_other(&format!("{}?done=edited", here.list))),
            Err(refusal) if is_typed(&refusal) => {
                Ok(shown(&edge, &parts, &here, &one, typed(&fields), Some(wrong(&refusal))))
            }
            Err(refusal) => Err(Shown::from(refusal)),
        }
    };
    answered.await.unwrap_or_else(|shown| refused::page(&edge, &parts, shown))
}

/// POST: deletes it.
pub async fn delete(State(edge): State<Edge>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answered = async {
        let here = Here::posting(&edge, &parts, 3).await?;
        let fields = form(&parts.headers, body).await?;
        let one = here.keeper.numbered(&edge.node, number(&parts, 1)?).await?;
        here.check(&fields, &deletes(one.account.customer))?;
        let account = here.keeper.delete(&edge.node, &one.account.external_id).await?;
        mini_app::forget(&edge, &account).await;
        Ok(reply::see_other(&format!("{}?done=deleted", here.list)))
    };
    answered.await.unwrap_or_else(|shown: Shown| refused::page(&edge, &parts, shown))
}

const ADD: &str = "add an account";

fn edits(account: CustomerId) -> String {
    format!("edit account {account}")
}

fn deletes(account: CustomerId) -> String {
    format!("delete account {account}")
}

fn sign_in_first(edge: &Shared, parts: &Parts) -> Response {
    sign_in::ask(edge, parts, None, None, sign_in::Tried::default())
}

fn number(parts: &Parts, from_end: usize) -> Result<CustomerId, Reason> {
    path_part(parts, from_end).parse().map(CustomerId).map_err(|_| Reason::AccountNotFound)
}

/// What is wrong with what was typed is said beside the form.
fn is_typed(refusal: &Refusal) -> bool {
    matches!(refusal.reason, Reason::AccountFieldsWrong | Reason::AccountTaken)
}

fn wrong(refusal: &Refusal) -> Problem {
    let plain = problem(refusal);
    let Some(detail) = refusal.detail.as_deref() else { return plain };
    // The fields' names of the API are not the page's.
    let named = [(field::ACCOUNT, "account ID"), (field::NAME, "name"), (field::TIMEZONE, "time zone")];
    let detail = named.iter().fold(detail.to_owned(), |text, (wire, word)| text.replace(wire, word));
    Problem { next: format!("{}.", words::sentence(&detail)), ..plain }
}

fn typed(fields: &Params) -> AccountFields {
    let text = |name| words::paragraph(fields.get(name).ok().flatten().unwrap_or_default());
    AccountFields {
        id: text(field::ACCOUNT),
        name: text(field::NAME),
        timezone: text(field::TIMEZONE),
        currency: text(field::CURRENCY),
    }
}

fn row(edge: &Shared, here: &Here, one: &Listed) -> AccountRow {
    let now = edge.node.now();
    AccountRow {
        href: format!("{}/{}", here.list, one.account.customer),
        id: words::name(&one.account.external_id),
        name: words::name(&one.account.name),
        status: one.status.word(),
        look: if one.status == AuthStatus::Online { "good" } else { "calm" },
        since: one.connection.as_ref().map(|connection| words::when(connection.allowed_at, now)),
    }
}

async fn listed(
    edge: &Shared,
    parts: &Parts,
    here: &Here,
    typed: AccountFields,
    problem: Option<Problem>,
) -> Result<Response, Shown> {
    let query = Params::form(parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let text = |name| query.get(name).ok().flatten();
    let after = text("after").and_then(|after| after.parse().ok()).map(CustomerId);
    let (rows, more) = here.keeper.list(&edge.node, after).await?;
    let app = &here.keeper.app;
    let kind = if problem.is_some() { Kind::Refused(Reason::AccountFieldsWrong) } else { Kind::Ok };
    let view = Accounts {
        frame: signed_frame(edge, parts, &here.who),
        app: card(app, &edge.node.profile),
        app_path: format!("{}/{}", edge.node.profile.endpoints.apps, app.id),
        id_word: edge.node.profile.registration.id_word.clone(),
        client_id: app.client_id.clone(),
        path: here.list.clone(),
        next: rows.last().filter(|_| more).map(|row| format!("{}?after={}", here.list, row.account.customer)),
        rows: rows.iter().map(|one| row(edge, here, one)).collect(),
        later: after.is_some(),
        notice: match text("done") {
            Some("added") => Some("The account is added."),
            Some("edited") => Some("The account is changed."),
            Some("deleted") => Some("The account is deleted. Its id stays yours: no other app can register it."),
            _ => None,
        },
        problem,
        typed,
        token: here.who.token(&here.deed(ADD)),
    };
    Ok(page(kind, &view, FormEnds::Here))
}

fn shown(
    edge: &Shared,
    parts: &Parts,
    here: &Here,
    one: &Listed,
    typed: AccountFields,
    problem: Option<Problem>,
) -> Response {
    let kind = if problem.is_some() { Kind::Refused(Reason::AccountFieldsWrong) } else { Kind::Ok };
    let row = row(edge, here, one);
    let view = Account {
        frame: signed_frame(edge, parts, &here.who),
        app: card(&here.keeper.app, &edge.node.profile),
        client_id: here.keeper.app.client_id.clone(),
        list: here.list.clone(),
        path: row.href.clone(),
        row,
        typed,
        problem,
        token: here.who.token(&here.deed(&edits(one.account.customer))),
        delete_token: here.who.token(&here.deed(&deletes(one.account.customer))),
    };
    page(kind, &view, FormEnds::Here)
}
