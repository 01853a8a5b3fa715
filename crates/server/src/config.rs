//! Settings of `serve`: flags beat the environment, the environment beats the file; every problem is told at once, one
//! line each, before anything listens. The table below is the flags, the environment, the file and the manual.

mod resolve;
mod sources;
mod values;

use causeway_protocol::profile::SHIPPED;

pub(crate) use resolve::{ENVOY_BEYOND_LOOPBACK, is_public, read_profile};
pub use resolve::{Serve, check_values, resolve};
pub use sources::{Given, from_env, from_file, manual};
pub(crate) use values::{address, is_loopback_url, origin, stop_delay, upstream};

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// In the file: `admin_listen`. The flag is `--admin-listen`, the variable `CAUSEWAY_ADMIN_LISTEN`.
    pub name: &'static str,
    /// What stands for the value in the manual.
    pub value: &'static str,
    /// As the file would say it; `None`: not set.
    pub default: Option<&'static str>,
    /// May be given several times (a list in the file, commas in the variable).
    pub many: bool,
    /// Has a flag. Secrets have none: command lines are seen by everybody on the machine (SECURITY C-13).
    pub flag: bool,
    /// What it is. `{shipped}` stands for the names of the profiles in this program: see [`Setting::prose`].
    prose: &'static str,
}

impl Setting {
    /// What it is, in words.
    pub fn prose(&self) -> String {
        self.prose.replace("{shipped}", &shipped())
    }
}

/// The names of the profiles that are compiled in.
fn shipped() -> String {
    SHIPPED.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

const ONE: Setting = Setting { name: "", value: "", default: None, many: false, flag: true, prose: "" };

/// Every setting of `serve`.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "profile",
        value: "FILE|NAME",
        prose: "The platform: a profile file, or the name of a shipped one ({shipped}).",
        ..ONE
    },
    Setting {
        name: "data",
        value: "DIR",
        prose: "The data directory. It is made (0700) when it is not there, and refused when others can look into it. \
             One process at a time.",
        ..ONE
    },
    Setting {
        name: "database",
        value: "postgres://…",
        prose: "A PostgreSQL database that several nodes share, instead of a data directory: \
             postgres://user:password@host:port/database. With a password it stands in CAUSEWAY_DATABASE or in this file, not \
             on the command line. It wants keys: every node has the same key file.",
        ..ONE
    },
    Setting {
        name: "stale_limit",
        value: "N",
        default: Some("5"),
        prose: "So many seconds, 1 to 60, a node that hears nothing from its store goes on checking calls; then it refuses \
             with 503 until it hears again.",
        ..ONE
    },
    Setting {
        name: "listen",
        value: "ADDR",
        default: Some("127.0.0.1:8081"),
        prose: "Where the platform's two hosts are served. Beyond loopback it wants TLS or a trusted proxy. Port 0 \
             is any free one.",
        ..ONE
    },
    Setting {
        name: "admin_listen",
        value: "ADDR",
        prose: "Where /metrics, /guard/check and the admin door are served. Off unless set. Beyond loopback it wants \
             admin_key, and TLS (the same certificate) or a trusted proxy.",
        ..ONE
    },
    Setting {
        name: "authz_listen",
        value: "ADDR",
        prose: "Where Envoy asks the guard: ext_authz over gRPC. Off unless set. It answers to this machine and to a trusted \
             proxy. Beyond loopback it wants one, and authz_key, and speaks TLS where there is a certificate (the same one).",
        ..ONE
    },
    Setting {
        name: "authz_key",
        value: "KEY",
        flag: false,
        prose: "What Envoy has to bear at authz_listen, as the metadata `authorization: Bearer KEY`, 16 characters or more. Not \
             asked for unless set; wanted beyond loopback.",
        ..ONE
    },
    Setting {
        name: "admin_key",
        value: "KEY",
        flag: false,
        prose: "The admin door's bearer key, 16 characters or more. By default it is derived from the newest key of the \
             key file, and only --describe shows it.",
        ..ONE
    },
    Setting {
        name: "edge_key",
        value: "KEY",
        flag: false,
        prose: "The key with which guards at the edge (`causeway guard`) listen to this node on the admin listener, 16 \
             characters or more. By default it is derived from the newest key of the key file, and only --describe shows it.",
        ..ONE
    },
    Setting {
        name: "login_url",
        value: "URL",
        prose: "The login host as browsers see it, and the issuer. By default the listener's own address.",
        ..ONE
    },
    Setting {
        name: "api_url",
        value: "URL",
        prose: "The API host as partners see it. By default the listener's own address. The Host header chooses \
             between the two.",
        ..ONE
    },
    Setting {
        name: "upstream",
        value: "URL",
        prose: "The platform's own API, to which the guard forwards. Without it a sample API answers with the seeds' \
             records.",
        ..ONE
    },
    Setting { name: "tls_cert", value: "FILE", prose: "Certificate chain in PEM. Read again on SIGHUP.", ..ONE },
    Setting {
        name: "tls_key",
        value: "FILE",
        prose: "Its private key in PEM; others must not be able to read it.",
        ..ONE
    },
    Setting {
        name: "trusted_proxy",
        value: "CIDR",
        many: true,
        prose: "Proxies in front of us. Forwarding headers count only from these addresses.",
        ..ONE
    },
    Setting {
        name: "keys",
        value: "FILE",
        prose: "The key file: a line `id base64(32 bytes)` per key, newest first, mode 0600. By default DIR.keys \
             beside the data directory. Made at first start, while there are no data yet.",
        ..ONE
    },
    Setting {
        name: "seed",
        value: "FILE",
        many: true,
        prose: "Apps, people, customers and records to start with. A file that is new or was changed adds what is not \
             there; it changes nothing that is.",
        ..ONE
    },
    Setting {
        name: "oauth1_ends",
        value: "INSTANT",
        prose: "From then on OAuth 1.0 is refused: 2026-07-01T00:00:00Z. Beats the seeds, which beat the profile.",
        ..ONE
    },
    Setting {
        name: "oauth1_exchange_ends",
        value: "INSTANT",
        prose: "From then on OAuth 1.0 pairs are no longer exchanged for OAuth 2.0 tokens. Beats the seeds, which beat \
             the profile.",
        ..ONE
    },
    Setting {
        name: "providers",
        value: "FILE",
        prose: "Platforms that apps may offer their users in the mini-app, with this platform's own credentials there: \
             [[platforms]] with profile, client_id, client_secret and scopes (docs/PROFILES.md). Others must not be able to \
             read the file.",
        ..ONE
    },
    Setting {
        name: "describe",
        value: "FILE",
        prose: "Write what runs where, with the seeds' secrets, to this file (0600) once ready.",
        ..ONE
    },
    Setting {
        name: "connections",
        value: "N",
        prose: "Connections at once on a listener. By default half of the files that the process may open, at most \
             10000.",
        ..ONE
    },
    Setting {
        name: "stop_delay",
        value: "N",
        default: Some("0"),
        prose: "So many seconds, 0 to 5, a node that is asked to stop goes on as before while /readyz says 503 already: for a load \
             balancer that does not try another node when one refuses the connection.",
        ..ONE
    },
    Setting {
        name: "fault",
        value: "NAME[:VALUE][=PROBABILITY],…",
        prose: "Misbehave on purpose, on loopback only: lose-reply, error-in-200, no-expiry, skew:90s, slow:2s, 500, \
             rotate-twice.",
        ..ONE
    },
    Setting {
        name: "fault_seed",
        value: "N",
        default: Some("0"),
        prose: "Makes the faults' chances repeatable.",
        ..ONE
    },
];

/// The settings file itself: a flag and a variable, but nothing that the file could say.
pub const CONFIG: Setting = Setting {
    name: "config",
    value: "FILE",
    prose: "A file with these settings (see `causeway config`). Flags and variables beat it.",
    ..ONE
};

/// A setting by its name.
fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}
