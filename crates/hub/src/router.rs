//! The table of addresses, on one screen.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::hub::Hub;
use crate::{accounts, actions, assets, connect, gate, migrate, view};

pub(crate) fn router(hub: &Hub) -> Router {
    Router::new()
        .route("/", get(view::dashboard))
        .route("/connect/{platform}", get(connect::begin))
        .route("/callback/{platform}", get(connect::finish))
        .route("/manage/{platform}", get(connect::manage))
        .route("/accounts/{platform}", post(accounts::register))
        .route("/load/{platform}", post(actions::load))
        .route("/site/{platform}", post(actions::choose_site))
        .route("/refresh/{platform}", post(actions::refresh))
        .route("/test/{platform}", post(actions::test))
        .route("/disconnect/{platform}", post(actions::disconnect))
        .route("/migrate/{platform}", get(migrate::page).post(migrate::act))
        .route("/static/{file}", get(assets::file))
        .fallback(view::nowhere)
        .layer(from_fn_with_state(hub.clone(), gate::guard))
        // Health is asked by machines, under whatever name they know us.
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(gate::ready))
        .with_state(hub.clone())
}
