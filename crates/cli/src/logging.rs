//! Where log lines go: JSON on the standard error for `serve`, warnings only for the demo. Lines are written by a
//! thread of their own, many at once, so that neither a slow reader nor waking a thread for each line holds up a request;
//! what does not fit is dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the writer.
const QUEUE: usize = 8_192;
/// After a batch the writer sleeps for this long, so that a busy server wakes it fifty times a second and not once a line.
const PAUSE: Duration = Duration::from_millis(20);

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// One JSON object a line.
pub(crate) fn json() {
    let lines = Lines::start();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_max_level(LevelFilter::INFO);
    install(subscriber.with_current_span(false).with_span_list(false).with_writer(lines).finish());
}

/// Warnings, for people.
pub(crate) fn quiet() {
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).with_target(false).without_time();
    install(subscriber.with_ansi(false).with_writer(Lines::start()).finish());
}

/// Only what failed here, for people.
pub(crate) fn errors() {
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::ERROR).with_target(false).without_time();
    install(subscriber.with_ansi(false).with_writer(Lines::start()).finish());
}

fn install(subscriber: impl tracing::Subscriber + Send + Sync) {
    // It fails only when there is one already; then that one stays.
    let _already_installed = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(|panic| {
        // Where, but not what: the message may hold what somebody sent.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

/// Collects a line and hands it to the writer's thread when it is complete.
#[derive(Clone)]
struct Lines(SyncSender<Vec<u8>>);

impl Lines {
    fn start() -> Self {
        let (sender, lines) = sync_channel(QUEUE);
        std::thread::spawn(move || write_all(&lines));
        Self(sender)
    }
}

fn write_all(lines: &Receiver<Vec<u8>>) {
    let mut batch = Vec::new();
    while let Ok(line) = lines.recv() {
        batch.clear();
        batch.extend_from_slice(&line);
        lines.try_iter().take(QUEUE).for_each(|line| batch.extend_from_slice(&line));
        match DROPPED.swap(0, Ordering::Relaxed) {
            0 => {}
            dropped => batch.extend_from_slice(format!("{{\"dropped_log_lines\":{dropped}}}\n").as_bytes()),
        }
        let _closed_pipe = io::stderr().lock().write_all(&batch);
        std::thread::sleep(PAUSE);
    }
}

/// Gives the writer the time to take the last lines: called once, before the process ends.
pub(crate) fn settle() {
    std::thread::sleep(PAUSE * 2);
}

struct Line<'a>(&'a Lines, Vec<u8>);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = std::mem::take(&mut self.1);
        if !line.is_empty() && self.0.0.try_send(line).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self, Vec::with_capacity(256))
    }
}
