//! The baseline E: an axum program that reads a JSON body and sends it back.
//!
//! Nothing may be added: every figure of the bench is a ratio to it. Prints its address and serves until it is killed.

#![allow(clippy::print_stdout)] // its address is its only word

use std::io::Write;

use axum::Router;
use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

async fn echo(body: Bytes) -> Response {
    match serde_json::from_slice::<serde_json::Value>(&body).and_then(|value| serde_json::to_vec(&value)) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/echo", listener.local_addr()?);
    std::io::stdout().flush()?;
    axum::serve(listener, Router::new().route("/echo", post(echo))).await
}
