//! Where log lines go: JSON on the standard error for `serve`, warnings only for the demo. Lines are written by a
//! thread of their own, many at once, so that neither a slow reader nor waking a thread for each line holds up a request;
//! what does not fit is dropped and counted.

mod lines;

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use lines::{Log, Reader};

/// Lines that may wait for the writer.
const QUEUE: usize = 8_192;
/// After a batch the writer sleeps for this long, so that a busy server wakes it fifty times a second and not once a line.
const PAUSE: Duration = Duration::from_millis(20);

/// How often, and for how long, the end of the process looks for the last lines: a machine that stands still for a second uses
/// up one of these looks, not all.
const LOOKS: u32 = 10;
const LOOK: Duration = Duration::from_millis(100);

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

/// What the writer's thread is sent.
enum Message {
    /// To be written.
    Line(Vec<u8>),
    /// To be answered when everything before it is written.
    Settle(SyncSender<()>),
}

static WRITER: OnceLock<SyncSender<Message>> = OnceLock::new();

/// Takes a line for the writer's thread, or counts it.
fn queue() -> impl Fn(Vec<u8>) {
    let (sender, messages) = sync_channel(QUEUE);
    std::thread::spawn(move || write_all(&messages));
    WRITER.set(sender.clone()).ok();
    move |line| {
        if sender.try_send(Message::Line(line)).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(messages: &Receiver<Message>) {
    let mut batch = Vec::new();
    while let Ok(first) = messages.recv() {
        batch.clear();
        let mut settled = None;
        for message in std::iter::once(first).chain(messages.try_iter().take(QUEUE)) {
            match message {
                Message::Line(line) => batch.extend_from_slice(&line),
                Message::Settle(asker) => settled = Some(asker),
            }
        }
        match DROPPED.swap(0, Ordering::Relaxed) {
            0 => {}
            dropped => batch.extend_from_slice(format!("{{\"dropped_log_lines\":{dropped}}}\n").as_bytes()),
        }
        let _closed_pipe = io::stderr().lock().write_all(&batch);
        match settled {
            Some(asker) => drop(asker.try_send(())),
            None => std::thread::sleep(PAUSE),
        }
    }
}

/// Waits until the lines so far are written, or for as long as a reader that has stopped reading deserves: called once, before
/// the process ends.
pub(crate) fn settle() {
    let (asker, answer) = sync_channel(1);
    if WRITER.get().is_some_and(|writer| writer.try_send(Message::Settle(asker)).is_ok()) {
        let _slow_reader = (0..LOOKS).any(|_| answer.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout));
    }
}
