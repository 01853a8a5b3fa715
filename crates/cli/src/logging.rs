//! Where log lines go: JSON on the standard error for `serve`, warnings only for the demo. Lines are written by a
//! thread of their own, many at once, so that neither a slow reader nor waking a thread for each line holds up a request;
//! what does not fit is dropped and counted.

mod lines;

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use lines::{Log, Reader};

/// Lines that may wait for the writer.
const QUEUE: usize = 8_192;
/// After a batch the writer sleeps for this long, so that a busy server wakes it fifty times a second and not once a line.
const PAUSE: Duration = Duration::from_millis(20);

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// One JSON object a line.
pub(crate) fn json() {
    install(Reader::Machine, LevelFilter::INFO);
}

/// Warnings, for people.
pub(crate) fn quiet() {
    install(Reader::Person, LevelFilter::WARN);
}

/// Only what failed here, for people.
pub(crate) fn errors() {
    install(Reader::Person, LevelFilter::ERROR);
}

fn install(reader: Reader, most: LevelFilter) {
    // It fails only when there is one already; then that one stays.
    let _already_installed = tracing::subscriber::set_global_default(Log { reader, most, send: queue() });
    std::panic::set_hook(Box::new(|panic| {
        // Where, but not what: the message may hold what somebody sent.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

/// Takes a line for the writer's thread, or counts it.
fn queue() -> impl Fn(Vec<u8>) {
    let (sender, lines) = sync_channel(QUEUE);
    std::thread::spawn(move || write_all(&lines));
    move |line| {
        if sender.try_send(line).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
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
