//! Many clients of several nodes at once, each honest but for its last act: refreshes with and without a key, two workers that
//! race, requests sent again, calls with earlier tokens, take-backs in three ways, and new grants. What was said is judged later.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{Instant, sleep, timeout};

use crate::Result;
use crate::chain::Chain;
use crate::connect::{codes, exchange_body};
use crate::history::{Class, Fault, Said};
use crate::history_asked::{Asked, Client, Pair};

/// Between two acts of a client.
const PAUSE: (usize, usize) = (15, 60);
/// Between two take-backs that come whatever else hangs.
const REAP: Duration = Duration::from_millis(500);
/// Between two attempts of the same request.
const AGAIN: Duration = Duration::from_millis(150);
/// How long a taken-back token is watched on every node.
const WATCH: Duration = Duration::from_secs(8);
/// In the end, everything must be answered for certain within this.
const SETTLE: Duration = Duration::from_secs(30);
/// For a whole grant through the pages.
const GRANT: Duration = Duration::from_secs(10);

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Clients at once.
    pub clients: usize,
    /// How long a family lives before its client ends it, in acts, about.
    pub acts: usize,
    /// Pairs of an admin and an app that have been connected already.
    pub connected: usize,
}

/// What all clients share.
struct Crowd {
    asked: Asked,
    size: Size,
    /// Families that nobody uses yet.
    fresh: RefCell<VecDeque<Chain>>,
    /// Families that were taken back, and those that still live.
    ended: RefCell<Vec<Client>>,
    living: RefCell<Vec<Client>>,
    stopping: Cell<bool>,
    key: Cell<u32>,
    redeemed: Cell<u64>,
    given_up: Cell<u64>,
    unsettled: Cell<u64>,
}

/// How a client's act ended.
enum Left {
    /// It goes on with the family.
    On,
    /// The family was taken back, and that was confirmed.
    Ended,
    /// A refresh without a key got no answer, and its token was spent: the person has to connect again.
    GivenUp,
}

/// Runs until `stop` is said; then settles everything. `said` brings lines: `begin CLASS BITS`, `end CLASS BITS`, `stop`.
pub async fn run(
    asked: Asked,
    chains: Vec<Chain>,
    size: Size,
    said: UnboundedReceiver<String>,
) -> Result<(Asked, Value)> {
    let crowd = Rc::new(Crowd {
        asked,
        size,
        fresh: RefCell::new(chains.into()),
        ended: RefCell::default(),
        living: RefCell::default(),
        stopping: Cell::new(false),
        key: Cell::new(0),
        redeemed: Cell::new(0),
        given_up: Cell::new(0),
        unsettled: Cell::new(0),
    });
    let stalls = spawn_local({
        let crowd = Rc::clone(&crowd);
        async move { crowd.asked.watch().await }
    });
    let mut clients = JoinSet::new();
    for _ in 0..size.clients {
        clients.spawn_local(Rc::clone(&crowd).serve());
    }
    clients.spawn_local(Rc::clone(&crowd).connect());
    clients.spawn_local(Rc::clone(&crowd).reap());
    crowd.listen(said).await?;
    crowd.stopping.set(true);
    while let Some(ended) = clients.join_next().await {
        ended.map_err(|e| format!("a client broke: {e}"))??;
    }
    let (living, ended) = (crowd.living.take(), crowd.ended.take());
    let figures = json!({"living": living.len(), "ended": ended.len(), "redeemed": crowd.redeemed.get(),
        "given_up": crowd.given_up.get()});
    for client in living {
        clients.spawn_local(Rc::clone(&crowd).settle(client));
    }
    for client in ended {
        clients.spawn_local(Rc::clone(&crowd).stays_ended(client));
    }
    while let Some(ended) = clients.join_next().await {
        ended.map_err(|e| format!("a client broke: {e}"))??;
    }
    stalls.abort();
    let _stopped = stalls.await;
    let mut figures = figures;
    figures["unsettled"] = json!(crowd.unsettled.get());
    figures["odd"] = json!(*crowd.asked.odd.borrow());
    let crowd = Rc::try_unwrap(crowd).map_err(|_| "somebody is still at work")?;
    Ok((crowd.asked, figures))
}

impl Crowd {
    /// Writes down what goes wrong on purpose, when it is told.
    async fn listen(&self, mut said: UnboundedReceiver<String>) -> Result<()> {
        while let Some(line) = said.recv().await {
            let (at, mut words) = (self.asked.now(), line.split_whitespace());
            let act = words.next().unwrap_or_default();
            if act == "stop" {
                return Ok(());
            }
            let class = words.next().and_then(Class::of);
            let nodes = words.next().and_then(|bits| bits.parse().ok());
            let (Some(class), Some(nodes)) = (class, nodes) else { return Err(format!("what does `{line}` mean?")) };
            self.asked.history(|history| match act {
                "begin" => history.faults.push(Fault { class, nodes, from: at, to: None }),
                _ => {
                    let open = |fault: &&mut Fault| fault.class == class && fault.nodes == nodes && fault.to.is_none();
                    if let Some(fault) = history.faults.iter_mut().rev().find(open) {
                        fault.to = Some(at);
                    }
                }
            });
        }
        Ok(())
    }

    /// One client after another.
    async fn serve(self: Rc<Self>) -> Result<()> {
        while !self.stopping.get() {
            let Some(chain) = self.fresh.borrow_mut().pop_front() else {
                sleep(AGAIN).await;
                continue;
            };
            let mut client = self.asked.client(chain)?;
            loop {
                if self.stopping.get() {
                    self.living.borrow_mut().push(client);
                    break;
                }
                match self.act(&mut client).await {
                    Left::On => {}
                    Left::Ended => {
                        self.ended.borrow_mut().push(client);
                        break;
                    }
                    Left::GivenUp => {
                        self.given_up.set(self.given_up.get() + 1);
                        break;
                    }
                }
                let (least, most) = PAUSE;
                sleep(Duration::from_millis((least + self.asked.chance(most - least)) as u64)).await;
            }
        }
        Ok(())
    }

    fn fresh_key(&self) -> u32 {
        self.key.set(self.key.get() + 1);
        self.key.get()
    }

    async fn act(&self, client: &mut Client) -> Left {
        let has_more = !self.fresh.borrow().is_empty();
        if has_more && self.asked.chance(self.size.acts) == 0 {
            return self.take_back(client).await;
        }
        match self.asked.chance(100) {
            0..50 => {
                let at = self.asked.chance(client.access.len());
                let (generation, token) = client.access[at].clone();
                self.asked.check(client, (generation, &token), self.asked.any()).await;
                Left::On
            }
            50..75 => self.refresh_with_key(client, false).await,
            75..85 => self.refresh_with_key(client, true).await,
            85..95 => self.refresh_once(client).await,
            _ => self.race(client).await,
        }
    }

    /// Asks until there is an answer; perhaps at two nodes at once.
    async fn refresh_with_key(&self, client: &mut Client, twice: bool) -> Left {
        let (key, token) = (self.fresh_key(), (client.generation, client.chain.refresh.clone()));
        let presented = (token.0, token.1.as_str());
        loop {
            let one = self.asked.refresh(client, presented, key, self.asked.any());
            let (said, pair) = if twice {
                let other = self.asked.refresh(client, presented, key, self.asked.any());
                let ((first, pair), (second, again)) = tokio::join!(one, other);
                if pair.is_some() { (first, pair) } else { (second, again) }
            } else {
                one.await
            };
            match (said, pair) {
                (_, Some(pair)) => return self.has(client, pair, key, presented).await,
                // Judged by the checker: no order explains that a good token is refused.
                (Said::Refused(..), None) => return Left::GivenUp,
                _ if self.stopping.get() => return Left::On,
                _ => sleep(AGAIN).await,
            }
        }
    }

    /// A new pair; now and then it is asked for once more.
    async fn has(&self, client: &mut Client, pair: Pair, key: u32, presented: (u32, &str)) -> Left {
        client.take(pair);
        if self.asked.chance(8) == 0 {
            self.asked.refresh(client, presented, key, self.asked.any()).await;
        }
        Left::On
    }

    /// Without a key: whoever gets no answer asks once more, and may learn that the token was spent.
    async fn refresh_once(&self, client: &mut Client) -> Left {
        let token = (client.generation, client.chain.refresh.clone());
        loop {
            match self.asked.refresh(client, (token.0, &token.1), 0, self.asked.any()).await {
                (_, Some(pair)) => {
                    client.take(pair);
                    return Left::On;
                }
                (Said::Refused(..), _) => return Left::GivenUp,
                _ if self.stopping.get() => return Left::GivenUp,
                _ => sleep(AGAIN).await,
            }
        }
    }

    /// Two workers of an honest partner, neither with a key: one of them wins.
    async fn race(&self, client: &mut Client) -> Left {
        let token = (client.generation, client.chain.refresh.clone());
        let one = self.asked.refresh(client, (token.0, &token.1), 0, self.asked.any());
        let other = self.asked.refresh(client, (token.0, &token.1), 0, self.asked.any());
        let ((first, pair), (second, again)) = tokio::join!(one, other);
        if let Some(pair) = pair.or(again) {
            client.take(pair);
            return Left::On;
        }
        match (first, second) {
            (Said::Refused(..), _) | (_, Said::Refused(..)) => Left::GivenUp,
            _ => self.refresh_once(client).await,
        }
    }

    /// The last act: revoked, disconnected, or a token long spent presented by a thief. Then every node is watched.
    async fn take_back(&self, client: &mut Client) -> Left {
        let spent = client.spent.iter().find(|(generation, _)| generation + 2 <= client.generation).cloned();
        let way = self.asked.chance(if spent.is_some() { 3 } else { 2 });
        loop {
            let node = self.asked.any();
            let said = match (way, &spent) {
                (0, _) => self.asked.revoke(client, node).await,
                (2, Some((generation, token))) => self.asked.refresh(client, (*generation, token), 0, node).await.0,
                _ => self.asked.disconnect(client, node).await,
            };
            match said {
                Said::Good | Said::Refused(..) => break,
                _ if self.stopping.get() => return Left::GivenUp,
                _ => sleep(AGAIN).await,
            }
        }
        self.watch(client, WATCH).await;
        Left::Ended
    }

    /// Ends families at a steady pace: while a node is cut off, most clients hang on it, and would end none.
    async fn reap(self: Rc<Self>) -> Result<()> {
        let mut watched = JoinSet::new();
        while !self.stopping.get() {
            let taken = self.fresh.borrow_mut().pop_front();
            if let Some(chain) = taken {
                let mut client = self.asked.client(chain)?;
                let crowd = Rc::clone(&self);
                watched.spawn_local(async move {
                    // Good everywhere before.
                    for node in 0..crowd.asked.nodes.len() {
                        crowd.asked.check(&client, (client.generation, &client.chain.access), node).await;
                    }
                    match crowd.take_back(&mut client).await {
                        Left::Ended => crowd.ended.borrow_mut().push(client),
                        _ => crowd.living.borrow_mut().push(client),
                    }
                });
            }
            sleep(REAP).await;
        }
        while watched.join_next().await.is_some() {}
        Ok(())
    }

    /// Calls with the newest token until every node has refused it for good.
    async fn watch(&self, client: &Client, most: Duration) {
        let (since, mut nodes) = (Instant::now(), (0..self.asked.nodes.len()).collect::<Vec<_>>());
        let token = (client.generation, client.chain.access.as_str());
        while !nodes.is_empty() && since.elapsed() < most {
            let mut still = Vec::new();
            let mut wait = 5;
            for node in nodes {
                match self.asked.check(client, token, node).await {
                    Said::Refused(..) => {}
                    said => {
                        still.push(node);
                        wait = if said == Said::Good { 5 } else { wait.max(100) };
                    }
                }
            }
            nodes = still;
            sleep(Duration::from_millis(wait)).await;
        }
    }

    /// New grants through the pages, as fast as they come; their codes are redeemed wherever.
    async fn connect(self: Rc<Self>) -> Result<()> {
        let mut skip = self.size.connected;
        while !self.stopping.get() {
            let node = self.asked.any();
            // What does not work while things are broken is tried with another pair; there are thousands.
            let made = timeout(GRANT, codes(&self.asked.nodes[node].platform, 1, 1, skip)).await;
            skip += 1;
            if let Ok(Ok(codes)) = made
                && let Some(code) = codes.first()
            {
                self.redeem(&exchange_body(code), skip, code.client_id.clone(), code.client_secret.clone()).await;
            }
            sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }

    async fn redeem(&self, body: &str, number: usize, client_id: String, client_secret: String) {
        let since = Instant::now();
        while since.elapsed() < SETTLE && !self.stopping.get() {
            let reply = self.asked.redeem(body, &format!("history-code-{number}"), self.asked.any()).await;
            match reply {
                Some(reply) if reply.status == 200 => {
                    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
                    let (access, refresh) = (text("access_token"), text("refresh_token"));
                    let chain = Chain { client_id, client_secret, access, refresh, ..Chain::default() };
                    self.fresh.borrow_mut().push_back(chain);
                    return self.redeemed.set(self.redeemed.get() + 1);
                }
                Some(reply) if reply.status != 503 => {
                    let body = String::from_utf8_lossy(&reply.body).into_owned();
                    return self.asked.odd.borrow_mut().push(format!("redemption: {} {body}", reply.status));
                }
                _ => sleep(AGAIN).await,
            }
        }
    }

    /// When all is well again, the last confirmed pair works, and its access token everywhere.
    async fn settle(self: Rc<Self>, mut client: Client) -> Result<()> {
        let since = Instant::now();
        let (key, token) = (self.fresh_key(), (client.generation, client.chain.refresh.clone()));
        loop {
            match self.asked.refresh(&client, (token.0, &token.1), key, self.asked.any()).await {
                (_, Some(pair)) => break client.take(pair),
                // The checker says whether that is right: an act was broken off when the end came.
                (Said::Refused(..), _) => return Ok(()),
                _ if since.elapsed() > SETTLE => return self.is_unsettled(),
                _ => sleep(AGAIN).await,
            }
        }
        for node in 0..self.asked.nodes.len() {
            let token = (client.generation, client.chain.access.as_str());
            while !matches!(self.asked.check(&client, token, node).await, Said::Good | Said::Refused(..)) {
                if since.elapsed() > SETTLE {
                    return self.is_unsettled();
                }
                sleep(AGAIN).await;
            }
        }
        Ok(())
    }

    /// What was taken back stays so: neither token is good anywhere.
    async fn stays_ended(self: Rc<Self>, client: Client) -> Result<()> {
        let token = (client.generation, client.chain.refresh.as_str());
        self.asked.refresh(&client, token, 0, self.asked.any()).await;
        for node in 0..self.asked.nodes.len() {
            self.asked.check(&client, (client.generation, &client.chain.access), node).await;
        }
        Ok(())
    }

    fn is_unsettled(&self) -> Result<()> {
        self.unsettled.set(self.unsettled.get() + 1);
        Ok(())
    }
}
