//! Style sheets and the icon: ours, and the platforms' accents, generated from their profiles.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::hub::{Hub, Inner};
use crate::reply;

const CSS: &str = include_str!("../static/hub.css");
const ICON: &str = include_str!("../static/icon.svg");

/// `GET /static/{file}`.
pub(crate) async fn file(State(hub): State<Hub>, Path(file): Path<String>) -> Response {
    let (kind, text) = match file.as_str() {
        "hub.css" => ("text/css; charset=utf-8", CSS.to_owned()),
        "brand.css" => ("text/css; charset=utf-8", brands(&hub.0)),
        "icon.svg" => ("image/svg+xml", ICON.to_owned()),
        _ => return reply::no_file(),
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "max-age=300")], text).into_response()
}

/// One class for each platform. Keys and colours were checked when the profile was read.
fn brands(hub: &Inner) -> String {
    let one = |platform: &causeway_vault::Platform| {
        let brand = &platform.profile.brand;
        format!(".brand-{} {{ --accent: light-dark({}, {}); }}\n", platform.key(), brand.accent, brand.accent_dark)
    };
    hub.vault.platforms().map(one).collect()
}
