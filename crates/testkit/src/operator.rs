//! The operator at the admin door (CONTRACTS): what tests need to take something back. Every call must succeed.

use serde_json::{Value, json};

use crate::client::{Call, Response};
use crate::platform::Platform;

impl Platform {
    /// Switches an app, customer, person or site ("apps", "customers", "people", "sites") off or on.
    pub async fn switch(&self, kind: &str, id: &str, active: bool) {
        let id: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        self.operate(Call::post(&format!("/admin/{kind}/{id}/state")), &json!({"active": active})).await;
    }

    /// Sets the scopes that an app may have at most.
    pub async fn set_app_scopes(&self, client_id: &str, words: &str) {
        let call = Call::new("PUT", &format!("/admin/apps/{client_id}/scopes"));
        self.operate(call, &json!({"scopes": words})).await;
    }

    /// Gives an app a new secret, and answers it.
    pub async fn renew_secret(&self, client_id: &str) -> String {
        self.operate(Call::post(&format!("/admin/apps/{client_id}/secret")), &json!({})).await.member("client_secret")
    }

    /// Every connection, live or not.
    pub async fn connections(&self) -> Vec<Value> {
        let reply = self.at_admin(Call::get("/admin/connections")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["connections"].as_array().cloned().unwrap_or_default()
    }

    /// Cuts the live connection of this app and customer.
    pub async fn cut(&self, client_id: &str, customer: &str) {
        let all = self.connections().await;
        let one = all.iter().find(|one| one["app"] == client_id && one["customer"] == customer && one["live"] == true);
        let id = one.unwrap_or_else(|| panic!("no live connection in {all:?}"))["id"].as_i64().unwrap_or_default();
        let reply = self.at_admin(Call::new("DELETE", &format!("/admin/connections/{id}"))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    async fn operate(&self, call: Call, body: &Value) -> Response {
        let reply = self.at_admin(call.body("application/json", body.to_string())).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply
    }
}
