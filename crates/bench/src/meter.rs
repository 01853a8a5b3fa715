//! The closed loop: a fixed number of connections, each sending its next request when it has its reply.
//!
//! Warm-up, then the counters. Latencies are kept whole. What is sent, and what a good reply is, is the work's to say.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, sleep};

use crate::http::Connection;
use crate::{Result, place};

/// Requests to send, one after another, and judgement of their replies.
pub trait Work {
    /// What belongs to a request that is under way.
    type Job;
    /// Writes the next request; `None` when there is no more.
    fn next(&mut self, request: &mut Vec<u8>) -> Option<Self::Job>;
    /// Takes the reply; whether it was a good one.
    fn done(&mut self, job: Self::Job, status: u16, body: &[u8]) -> bool;
    /// No reply came.
    fn lost(&mut self, job: Self::Job) {
        drop(job);
    }
}

/// How long, how wide, and whose CPU.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `host:port`.
    pub authority: String,
    /// Connections.
    pub connections: usize,
    /// Not counted.
    pub warm: Duration,
    /// Counted.
    pub counted: Duration,
    /// The server's process, whose CPU is read.
    pub pid: Option<u32>,
    /// Stop at the first connection that breaks.
    pub until_broken: bool,
}

#[derive(Default)]
struct Counters {
    counting: bool,
    stop: bool,
    broken: u64,
    errors: u64,
    micros: Vec<u32>,
}

impl Counters {
    fn note(&mut self, good: bool, micros: u32) {
        match (self.counting, good) {
            (true, true) => self.micros.push(micros),
            (true, false) => self.errors += 1,
            (false, _) => {}
        }
    }
}

/// Runs the work, and gives the figures with the work back.
pub async fn run<W: Work + 'static>(plan: Plan, work: W) -> Result<(Value, W)> {
    let work = Rc::new(RefCell::new(work));
    let counters = Rc::new(RefCell::new(Counters::default()));
    let local = LocalSet::new();
    let figures = local.run_until(drive(&plan, &work, &counters)).await?;
    drop(local);
    let work = Rc::try_unwrap(work).map_err(|_| "a connection outlived the run")?;
    Ok((figures, work.into_inner()))
}

async fn drive<W: Work + 'static>(
    plan: &Plan,
    work: &Rc<RefCell<W>>,
    counters: &Rc<RefCell<Counters>>,
) -> Result<Value> {
    let tasks: Vec<_> = (0..plan.connections)
        .map(|_| spawn_local(one_connection(plan.clone(), Rc::clone(work), Rc::clone(counters))))
        .collect();
    rest(plan.warm, counters).await;
    let cpu_before = plan.pid.map(place::cpu_seconds).transpose()?;
    let started = Instant::now();
    counters.borrow_mut().counting = true;
    rest(plan.counted, counters).await;
    let elapsed = started.elapsed().as_secs_f64();
    let cpu_after = plan.pid.and_then(|pid| place::cpu_seconds(pid).ok());
    {
        let mut counters = counters.borrow_mut();
        counters.counting = false;
        counters.stop = true;
    }
    for task in tasks {
        task.await.map_err(|e| format!("a connection died: {e}"))?;
    }
    let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after - before);
    Ok(report(&mut counters.borrow_mut(), elapsed, cpu))
}

/// Waits, or less if everything stopped.
async fn rest(time: Duration, counters: &RefCell<Counters>) {
    let until = Instant::now() + time;
    while Instant::now() < until && !counters.borrow().stop {
        sleep(Duration::from_millis(5).min(until - Instant::now())).await;
    }
}

async fn one_connection<W: Work>(plan: Plan, work: Rc<RefCell<W>>, counters: Rc<RefCell<Counters>>) {
    let mut connection = Connection::to(&plan.authority);
    let mut request = Vec::with_capacity(1024);
    while !counters.borrow().stop {
        request.clear();
        let Some(job) = work.borrow_mut().next(&mut request) else {
            counters.borrow_mut().stop = true;
            break;
        };
        let sent = Instant::now();
        let outcome = connection.call(&request).await;
        let micros = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX);
        let good = match outcome {
            Ok(glance) => work.borrow_mut().done(job, glance.status, connection.body(glance)),
            Err(_) => {
                work.borrow_mut().lost(job);
                let mut counters = counters.borrow_mut();
                counters.broken += 1;
                counters.stop |= plan.until_broken;
                false
            }
        };
        counters.borrow_mut().note(good, micros);
        if !good {
            yield_now().await; // a server that refuses at once must not starve the timer
        }
    }
}

fn report(counters: &mut Counters, elapsed: f64, cpu: Option<f64>) -> Value {
    counters.micros.sort_unstable();
    let done = counters.micros.len();
    let at = |share: f64| {
        let index = (share * done as f64).ceil() as usize;
        counters.micros.get(index.saturating_sub(1)).copied().unwrap_or(0)
    };
    json!({
        "requests": done,
        "seconds": elapsed,
        "rps": done as f64 / elapsed.max(1e-9),
        "p50_us": at(0.5),
        "p99_us": at(0.99),
        "p999_us": at(0.999),
        "errors": counters.errors,
        "broken": counters.broken,
        "cpu_s_per_1000": cpu.map(|seconds| seconds * 1000.0 / (done.max(1) as f64)),
    })
}
