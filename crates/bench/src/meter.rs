//! A fixed number of connections, each sending its next request when it has its reply (the closed loop), or when the next
//! arrival is due (constant arrival). Warm-up, then the counters. Latencies are kept whole.
//!
//! What is sent, and what a good reply is, is the work's to say.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, sleep};

use crate::arrivals::Arrivals;
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
    /// The server's process: its CPU is read, with that of every process below it.
    pub pid: Option<u32>,
    /// The same of the database.
    pub database_pid: Option<u32>,
    /// Arrivals a second, whether or not the server keeps up; `None` is the closed loop. A latency then counts from when
    /// the request was due, not from when a connection was free to send it.
    pub rate: Option<f64>,
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
    let arrivals = plan.rate.map(|rate| Rc::new(Arrivals::start(rate)));
    let tasks: Vec<_> = (0..plan.connections)
        .map(|_| spawn_local(one_connection(plan.clone(), Rc::clone(work), Rc::clone(counters), arrivals.clone())))
        .collect();
    rest(plan.warm, counters).await;
    let pids = [plan.pid, plan.database_pid];
    let cpu_before = pids.map(|pid| pid.and_then(|pid| place::cpu_seconds(pid).ok()));
    let started = Instant::now();
    counters.borrow_mut().counting = true;
    rest(plan.counted, counters).await;
    let elapsed = started.elapsed().as_secs_f64();
    let cpu_after = pids.map(|pid| pid.and_then(|pid| place::cpu_seconds(pid).ok()));
    {
        let mut counters = counters.borrow_mut();
        counters.counting = false;
        counters.stop = true;
    }
    if let Some(arrivals) = &arrivals {
        arrivals.stop();
    }
    for task in tasks {
        task.await.map_err(|e| format!("a connection died: {e}"))?;
    }
    let spent = |n: usize| cpu_before[n].zip(cpu_after[n]).map(|(before, after)| after - before);
    let mut figures = report(&mut counters.borrow_mut(), elapsed, [spent(0), spent(1)]);
    if let Some(rate) = plan.rate {
        figures["rate"] = json!(rate);
        figures["still_due"] = json!(arrivals.map_or(0, |arrivals| arrivals.waiting()));
    }
    Ok(figures)
}

/// Waits, or less if everything stopped.
async fn rest(time: Duration, counters: &RefCell<Counters>) {
    let until = Instant::now() + time;
    while Instant::now() < until && !counters.borrow().stop {
        sleep(Duration::from_millis(5).min(until - Instant::now())).await;
    }
}

async fn one_connection<W: Work>(
    plan: Plan,
    work: Rc<RefCell<W>>,
    counters: Rc<RefCell<Counters>>,
    arrivals: Option<Rc<Arrivals>>,
) {
    let mut connection = Connection::to(&plan.authority);
    let mut request = Vec::with_capacity(1024);
    while !counters.borrow().stop {
        request.clear();
        let due = match &arrivals {
            None => None,
            Some(arrivals) => match arrivals.next().await {
                Some(due) => Some(due),
                None => break,
            },
        };
        let Some(job) = work.borrow_mut().next(&mut request) else {
            counters.borrow_mut().stop = true;
            break;
        };
        let since = due.unwrap_or_else(Instant::now);
        let outcome = connection.call(&request).await;
        let micros = u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX);
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

/// The value below which that share of the sorted values lies; 0 of none.
pub fn quantile(sorted: &[u32], share: f64) -> u32 {
    let index = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or(0)
}

fn report(counters: &mut Counters, elapsed: f64, cpu: [Option<f64>; 2]) -> Value {
    counters.micros.sort_unstable();
    let done = counters.micros.len();
    let at = |share: f64| quantile(&counters.micros, share);
    let [server, database] = cpu.map(|spent| spent.map(|seconds| seconds * 1000.0 / (done.max(1) as f64)));
    json!({
        "requests": done,
        "seconds": elapsed,
        "rps": done as f64 / elapsed.max(1e-9),
        "p50_us": at(0.5),
        "p99_us": at(0.99),
        "p999_us": at(0.999),
        "errors": counters.errors,
        "broken": counters.broken,
        "cpu_s_per_1000": server,
        "database_cpu_s_per_1000": database,
    })
}
