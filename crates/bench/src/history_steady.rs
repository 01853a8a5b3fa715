//! Refreshes, calls and redemptions at a constant rate through one address, until somebody says stop; what was redeemed is taken
//! back at once. No request is ever sent again: each must be answered with what was asked for.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::Result;
use crate::arrivals::Arrivals;
use crate::chain::{Chain, Code};
use crate::connect::{exchange_body, revocation_body, write_form};
use crate::http::{Connection, Url};
use crate::meter::quantile;
use crate::work::refresh::{take_pair, write_refresh};

/// Who waits longer has been failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// What was taken back is refused on every node after this: the promise of 250 ms, and as much again for a busy machine.
const KNOWN: Duration = Duration::from_millis(500);
/// Calls with a token that was taken back: the balancer sends them to different nodes.
const REFUSED_CALLS: usize = 3;
/// Failures that are shown.
const SHOWN: usize = 8;

/// Where, with what, and how often in a second.
pub struct Plan {
    /// Refreshes and redemptions.
    pub token: Url,
    /// RFC 7009.
    pub revoke: Url,
    /// Calls.
    pub api: Url,
    /// Chains to be moved.
    pub chains: Vec<Chain>,
    /// Access tokens to call with.
    pub bearers: Vec<String>,
    /// Codes to be redeemed. When there are no more, that load ends.
    pub codes: Vec<Code>,
    /// Refreshes and calls a second, each.
    pub rate: f64,
    /// Redemptions a second.
    pub redemptions: f64,
}

struct Steady {
    plan: Plan,
    chains: RefCell<VecDeque<Chain>>,
    codes: RefCell<VecDeque<Code>>,
    next: Cell<usize>,
    idle: RefCell<Vec<Connection>>,
    done: RefCell<BTreeMap<&'static str, Vec<u32>>>,
    failed: Cell<u64>,
    failures: RefCell<Vec<String>>,
}

/// Runs until `stop`; how many of each kind were answered, how soon, and what failed.
pub async fn run(plan: Plan, mut stop: UnboundedReceiver<String>) -> Result<Value> {
    let (chains, codes) = (plan.chains.clone().into(), plan.codes.clone().into());
    let steady = Rc::new(Steady {
        plan,
        chains: RefCell::new(chains),
        codes: RefCell::new(codes),
        next: Cell::default(),
        idle: RefCell::default(),
        done: RefCell::default(),
        failed: Cell::default(),
        failures: RefCell::default(),
    });
    let (often, seldom) = (Arrivals::start(steady.plan.rate), Arrivals::start(steady.plan.redemptions));
    let mut requests = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.recv() => break,
            Some(due) = often.next() => {
                requests.spawn_local(Rc::clone(&steady).refresh(due));
                requests.spawn_local(Rc::clone(&steady).call(due));
            }
            Some(due) = seldom.next() => drop(requests.spawn_local(Rc::clone(&steady).redeem(due))),
            Some(_) = requests.join_next() => {}
        }
    }
    often.stop();
    seldom.stop();
    while requests.join_next().await.is_some() {}
    Ok(steady.figures())
}

impl Steady {
    async fn refresh(self: Rc<Self>, due: Instant) {
        let taken = self.chains.borrow_mut().pop_front();
        let Some(mut chain) = taken else { return self.fail("refresh", "every chain is under way".into()) };
        let mut request = Vec::new();
        write_refresh(&mut request, &self.plan.token, &chain, &chain.refresh);
        if let Some(body) = self.ask("refresh", 200, due, &self.plan.token, &request).await
            && take_pair(&mut chain, 200, &body)
        {
            self.chains.borrow_mut().push_back(chain);
        }
    }

    async fn call(self: Rc<Self>, due: Instant) {
        let at = self.next.get();
        self.next.set(at + 1);
        self.call_with("check", 200, due, &self.plan.bearers[at % self.plan.bearers.len()]).await;
    }

    async fn call_with(&self, what: &'static str, wanted: u16, due: Instant, bearer: &str) {
        let Url { authority, path } = &self.plan.api;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {bearer}\r\n\r\n");
        self.ask(what, wanted, due, &self.plan.api, request.as_bytes()).await;
    }

    async fn redeem(self: Rc<Self>, due: Instant) {
        let Some(code) = self.codes.borrow_mut().pop_front() else { return };
        let mut request = Vec::new();
        write_form(&mut request, &self.plan.token, &exchange_body(&code), &[]);
        let Some(body) = self.ask("redeem", 200, due, &self.plan.token, &request).await else { return };
        let mut chain = Chain { client_id: code.client_id, client_secret: code.client_secret, ..Chain::default() };
        if take_pair(&mut chain, 200, &body) {
            self.take_back(&chain).await;
        }
    }

    /// Good before, on whatever node; refused behind, on every one.
    async fn take_back(&self, chain: &Chain) {
        self.call_with("check", 200, Instant::now(), &chain.access).await;
        let body = revocation_body(chain);
        let mut request = Vec::new();
        write_form(&mut request, &self.plan.revoke, &body, &[]);
        if self.ask("revoke", 200, Instant::now(), &self.plan.revoke, &request).await.is_none() {
            return;
        }
        sleep(KNOWN).await;
        for _ in 0..REFUSED_CALLS {
            self.call_with("refused call", 401, Instant::now(), &chain.access).await;
        }
    }

    /// Once; another status than the one that is wanted is a failure. The time is counted from when the request was due.
    async fn ask(&self, what: &'static str, wanted: u16, due: Instant, url: &Url, request: &[u8]) -> Option<Vec<u8>> {
        let kept = self.idle.borrow_mut().pop();
        let mut connection = kept.unwrap_or_else(|| Connection::to(&url.authority));
        let glance = match timeout(PATIENCE, connection.call(request)).await {
            Ok(Ok(glance)) => glance,
            Ok(Err(error)) => {
                self.fail(what, format!("no answer: {error}"));
                return None;
            }
            Err(_) => {
                self.fail(what, format!("no answer within {PATIENCE:?}"));
                return None;
            }
        };
        let body = connection.body(glance).to_vec();
        self.idle.borrow_mut().push(connection);
        if glance.status != wanted {
            self.fail(what, format!("{} {}", glance.status, String::from_utf8_lossy(&body)));
            return None;
        }
        let micros = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
        self.done.borrow_mut().entry(what).or_default().push(micros);
        Some(body)
    }

    fn fail(&self, what: &str, why: String) {
        self.failed.set(self.failed.get() + 1);
        let mut failures = self.failures.borrow_mut();
        if failures.len() < SHOWN {
            failures.push(format!("{what}: {why}"));
        }
    }

    fn figures(&self) -> Value {
        let mut figures = json!({"failed": self.failed.get(), "failures": *self.failures.borrow()});
        for (what, micros) in self.done.borrow_mut().iter_mut() {
            micros.sort_unstable();
            let at = |share: f64| f64::from(quantile(micros, share)) / 1000.0;
            figures[*what] =
                json!({"requests": micros.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0)});
        }
        figures
    }
}
