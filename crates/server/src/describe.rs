//! The description of a running instance (CONTRACTS): addresses, paths, and what the seeds hold, secrets included. The
//! file is written when the process is ready to serve, whole or not at all, for its owner only.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use causeway_protocol::profile::HostWord;
use causeway_protocol::secret::Secret;
use serde_json::{Map, Value, json};

use crate::clock::{System, random};
use crate::node::Node;
use crate::seed::Seed;

/// One platform's part.
pub fn platform(node: &Node, admin: Option<(&str, &Secret, &Secret)>, seed: &Seed) -> Value {
    let paths = &node.profile.endpoints;
    // A path stands under the API host; what stands elsewhere is a whole address.
    let on = |host: HostWord, path: &String| match host {
        HostWord::Api => path.clone(),
        HostWord::Login => format!("{}{path}", node.origins.login),
    };
    let at = |path: &String| on(paths.token_host, path);
    let mut entry = json!({
        "login_url": node.origins.login,
        "api_url": node.origins.api,
        "issuer": node.origins.login,
        "admin_url": admin.map(|(url, ..)| url),
        "admin_key": admin.map(|(_, key, _)| key.expose()),
        "edge_key": admin.map(|(.., key)| key.expose()),
        "paths": {
            "authorize": paths.authorize,
            "token": at(&paths.token),
            "refresh": at(paths.refresh.as_ref().unwrap_or(&paths.token)),
            "revoke": at(&paths.revoke),
            "introspect": at(&paths.introspect),
            "userinfo": paths.userinfo.as_ref().map(|path| on(paths.userinfo_host, path)),
            "guard_check": crate::http::forward_auth::PATH,
        },
    });
    if let (Value::Object(entry), Ok(Value::Object(lists))) = (&mut entry, serde_json::to_value(seed)) {
        entry.extend(lists);
    }
    entry
}

/// The whole document.
pub fn document(hub: Option<&str>, platforms: Map<String, Value>) -> Value {
    json!({"version": 1, "hub": hub, "platforms": platforms})
}

/// Writes it (0600): beside the file first, then in its place.
///
/// # Errors
/// One line.
pub fn write(path: &Path, document: &Value) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: the description cannot be written: {error}", path.display());
    let mut text = serde_json::to_string_pretty(document).map_err(|error| failed(error.into()))?;
    text.push('\n');
    // A name that nobody can guess, and nothing that is there already: it holds every secret, in a directory that others
    // may be able to write to.
    let suffix: String = random::<8>(&System).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut name = path.file_name().map_or_else(Default::default, std::ffi::OsStr::to_owned);
    name.push(format!(".{suffix}.new"));
    let fresh = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(failed)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.and_then(|()| std::fs::rename(&fresh, path)).map_err(|error| {
        let _only_ours = std::fs::remove_file(&fresh);
        failed(error)
    })
}
