//! Asking several nodes and writing down what they say. What is asked, and in which order, is `history_load`'s business.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use causeway_protocol::seal::KeyRing;
use causeway_protocol::token::RefreshToken;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::Result;
use crate::chain::Chain;
use crate::connect::{revocation_body, write_form};
use crate::fill::open;
use crate::history::{History, Micros, Op, Said, What};
use crate::http::{Connection, Reply, Url};
use crate::place::Platform;

/// A client gives a node so long, and then hangs up.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often this program looks whether it stands still, and what it calls so.
const TICK: Duration = Duration::from_millis(5);
const STALL: Duration = Duration::from_millis(20);

/// A node, from outside.
pub struct Node {
    /// As it describes itself.
    pub platform: Platform,
    token: Url,
    revoke: Url,
    guard: Url,
    connections: Url,
    admin_key: String,
}

impl Node {
    /// Reads a description.
    pub fn read(describe: &str, platform: &str) -> Result<Self> {
        let platform = Platform::read(describe, platform)?;
        let admin = platform.text("admin_url")?.to_owned();
        Ok(Self {
            token: Url::parse(&platform.url("token")?)?,
            revoke: Url::parse(&platform.url("revoke")?)?,
            guard: Url::parse(&format!("{admin}/guard/check"))?,
            connections: Url::parse(&format!("{admin}/admin/connections"))?,
            admin_key: platform.text("admin_key")?.to_owned(),
            platform,
        })
    }
}

/// A family as its client knows it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its number in the history.
    pub family: u32,
    /// The newest pair.
    pub chain: Chain,
    /// Its generation.
    pub generation: u32,
    /// The row that the admin door ends.
    pub connection: i64,
    /// Earlier refresh tokens with their generations, the newest last.
    pub spent: VecDeque<(u32, String)>,
    /// Access tokens with their generations, the newest last.
    pub access: VecDeque<(u32, String)>,
}

/// Earlier tokens that a client keeps.
const KEPT: usize = 3;

impl Client {
    /// Takes a new pair.
    pub fn take(&mut self, pair: Pair) {
        let spent = std::mem::replace(&mut self.chain.refresh, pair.refresh);
        self.spent.push_back((self.generation, spent));
        self.access.push_back((pair.generation, pair.access.clone()));
        (self.generation, self.chain.access) = (pair.generation, pair.access);
        while self.spent.len() > KEPT {
            self.spent.pop_front();
        }
        while self.access.len() > KEPT {
            self.access.pop_front();
        }
    }
}

/// What a refresh was answered with.
#[derive(Clone, Debug)]
pub struct Pair {
    access: String,
    refresh: String,
    generation: u32,
}

/// The nodes, what was written down, and open connections.
pub struct Asked {
    /// In their order.
    pub nodes: Vec<Node>,
    ring: KeyRing,
    start: Instant,
    history: RefCell<History>,
    idle: RefCell<BTreeMap<String, Vec<Connection>>>,
    chance: Cell<u64>,
    /// Answers to redemptions that must not be: see `history_load`.
    pub odd: RefCell<Vec<String>>,
}

impl Asked {
    /// Begins a history. The keys are those of the nodes: only with them does a token say its generation.
    pub fn begin(nodes: Vec<Node>, ring: KeyRing, seed: u64) -> Self {
        let (history, idle, odd) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { nodes, ring, start: Instant::now(), history, idle, chance: Cell::new(seed | 1), odd }
    }

    /// Now.
    pub fn now(&self) -> Micros {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Less than `below`. Repeatable for a seed, as far as the nodes' answers are.
    pub fn chance(&self, below: usize) -> usize {
        let mut x = self.chance.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.chance.set(x);
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below.max(1)
    }

    /// Any node.
    pub fn any(&self) -> usize {
        self.chance(self.nodes.len())
    }

    /// Changes the history.
    pub fn history<T>(&self, change: impl FnOnce(&mut History) -> T) -> T {
        change(&mut self.history.borrow_mut())
    }

    /// A client of a family that nobody has asked about yet.
    pub fn client(&self, chain: Chain) -> Result<Client> {
        let (_, token): (_, RefreshToken) = open(&self.ring, &chain.refresh)?;
        let family = self.history(|history| {
            history.first.push(token.generation);
            history.first.len() as u32 - 1
        });
        let access = VecDeque::from([(token.generation, chain.access.clone())]);
        let connection = token.bearer.connection.0;
        Ok(Client { family, generation: token.generation, connection, spent: VecDeque::new(), access, chain })
    }

    /// Presents a refresh token; under a key unless that is 0.
    pub async fn refresh(
        &self,
        client: &Client,
        (generation, token): (u32, &str),
        key: u32,
        node: usize,
    ) -> (Said, Option<Pair>) {
        let chain = &client.chain;
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", token)
            .append_pair("client_id", &chain.client_id)
            .append_pair("client_secret", &chain.client_secret)
            .finish();
        let name = format!("history-{}-{key}", client.family);
        let headers = [("Idempotency-Key", name.as_str())];
        let url = &self.nodes[node].token;
        let mut request = Vec::new();
        write_form(&mut request, url, &body, if key == 0 { &[] } else { &headers });
        let sent = self.now();
        let reply = self.call(&url.authority, &request).await;
        let pair = reply.as_ref().and_then(|reply| self.pair(reply));
        let said = pair.as_ref().map_or_else(|| said(reply.as_ref()), |pair| Said::Moved(pair.generation));
        self.note(client, node, What::Refresh { generation, key }, sent, &said);
        (said, pair)
    }

    fn pair(&self, reply: &Reply) -> Option<Pair> {
        let body: Value = if reply.status == 200 { serde_json::from_slice(&reply.body).ok()? } else { return None };
        let (access, refresh) = (body["access_token"].as_str()?.to_owned(), body["refresh_token"].as_str()?.to_owned());
        let (_, token): (_, RefreshToken) = open(&self.ring, &refresh).ok()?;
        Some(Pair { access, refresh, generation: token.generation })
    }

    /// Calls with an access token.
    pub async fn check(&self, client: &Client, (generation, token): (u32, &str), node: usize) -> Said {
        let Url { authority, path } = &self.nodes[node].guard;
        let original = "X-Original-Method: GET\r\nX-Original-URI: /v1/sites\r\n";
        let bearer = format!("Authorization: Bearer {token}\r\n");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\n{bearer}{original}\r\n");
        self.plain(client, node, What::Check { generation }, authority, request.as_bytes()).await
    }

    /// RFC 7009, with the newest refresh token.
    pub async fn revoke(&self, client: &Client, node: usize) -> Said {
        let (chain, url) = (&client.chain, &self.nodes[node].revoke);
        let body = revocation_body(chain);
        let mut request = Vec::new();
        write_form(&mut request, url, &body, &[]);
        self.plain(client, node, What::Revoke, &url.authority, &request).await
    }

    /// The admin door's way.
    pub async fn disconnect(&self, client: &Client, node: usize) -> Said {
        let Node { connections: Url { authority, path }, admin_key, .. } = &self.nodes[node];
        let id = client.connection;
        let request =
            format!("DELETE {path}/{id} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {admin_key}\r\n\r\n");
        self.plain(client, node, What::Disconnect, authority, request.as_bytes()).await
    }

    async fn plain(&self, client: &Client, node: usize, what: What, authority: &str, request: &[u8]) -> Said {
        let sent = self.now();
        let said = said(self.call(authority, request).await.as_ref());
        self.note(client, node, what, sent, &said);
        said
    }

    fn note(&self, client: &Client, node: usize, what: What, sent: Micros, said: &Said) {
        let (answered, said) = (self.now(), said.clone());
        let op = Op { family: client.family, node: node as u8, what, sent, answered, said };
        self.history(|history| history.ops.push(op));
    }

    /// A form to a node's token endpoint that is no refresh.
    pub async fn redeem(&self, body: &str, key: &str, node: usize) -> Option<Reply> {
        let url = &self.nodes[node].token;
        let mut request = Vec::new();
        write_form(&mut request, url, body, &[("Idempotency-Key", key)]);
        self.call(&url.authority, &request).await
    }

    /// `None` when nothing came: then the connection is closed, and whatever the node does about it, nobody hears it.
    async fn call(&self, authority: &str, request: &[u8]) -> Option<Reply> {
        let kept = self.idle.borrow_mut().get_mut(authority).and_then(Vec::pop);
        let mut connection = kept.unwrap_or_else(|| Connection::to(authority));
        let glance = timeout(PATIENCE, connection.call(request)).await.ok()?.ok()?;
        let reply = connection.reply(glance);
        self.idle.borrow_mut().entry(authority.to_owned()).or_default().push(connection);
        Some(reply)
    }

    /// Writes down when this program stood still, for ever.
    pub async fn watch(&self) {
        loop {
            let from = Instant::now();
            sleep(TICK).await;
            let late = from.elapsed().saturating_sub(TICK);
            if late > STALL {
                let at = u64::try_from((from - self.start).as_micros()).unwrap_or(u64::MAX);
                let long = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
                self.history(|history| history.stalls.push((at, long)));
            }
        }
    }
}

fn said(reply: Option<&Reply>) -> Said {
    let Some(reply) = reply else { return Said::Nothing };
    let word = || {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let shown = || String::from_utf8_lossy(&reply.body).chars().take(60).collect();
        body["error"].as_str().map_or_else(shown, str::to_owned)
    };
    match reply.status {
        200 => Said::Good,
        400 | 401 | 403 | 404 => Said::Refused(reply.status, word()),
        503 => Said::Later(reply.headers("retry-after").next().is_some()),
        status => Said::Strange(status, word()),
    }
}
