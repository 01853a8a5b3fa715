//! How one event reads: a JSON object for machines, a line of words for people. Tens of thousands of request lines a second
//! are ordinary, so an event is written straight into its bytes. Where the bytes go is not decided here.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use causeway_protocol::UnixTime;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::metadata::Metadata;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};

/// Who reads the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// JSON with the time and the place: one object a line.
    Machine,
    /// The level and what happened.
    Person,
}

/// Writes events up to a level, and hands each line over. Spans are not used in this program and leave no trace.
pub(super) struct Log<F> {
    pub(super) reader: Reader,
    pub(super) most: LevelFilter,
    pub(super) send: F,
}

impl<F: Fn(Vec<u8>) + 'static> Subscriber for Log<F> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Also the bare question whether an event would be written, which is neither event nor span.
        !metadata.is_span() && *metadata.level() <= self.most
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Id::from_u64(LAST.fetch_add(1, Ordering::Relaxed).saturating_add(1))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        (self.send)(match self.reader {
            Reader::Machine => object(event, now()),
            Reader::Person => words(event),
        });
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Microseconds since the Unix epoch.
#[allow(clippy::disallowed_methods, reason = "log lines tell the machine's own time, whatever clock the platform has")]
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

fn object(event: &Event<'_>, micros: u64) -> Vec<u8> {
    let mut line = Json(Vec::with_capacity(384));
    line.0.extend_from_slice(b"{\"timestamp\":\"");
    stamp(&mut line.0, micros);
    line.0.extend_from_slice(b"\",\"level\":\"");
    line.0.extend_from_slice(event.metadata().level().as_str().as_bytes());
    line.0.push(b'"');
    event.record(&mut line);
    line.key("target");
    line.text(event.metadata().target());
    line.0.extend_from_slice(b"}\n");
    line.0
}

/// RFC 3339 in UTC, to the microsecond. Whoever writes many lines a second writes the second once.
fn stamp(line: &mut Vec<u8>, micros: u64) {
    thread_local! {
        static LAST: Cell<(u64, [u8; 20])> = const { Cell::new((u64::MAX, [0; 20])) };
    }
    let second = micros / 1_000_000;
    let (mut written, mut text) = LAST.get();
    if written != second {
        (written, text) = (second, to_the_second(second));
        LAST.set((written, text));
    }
    line.extend_from_slice(&text);
    let mut digits = *b"000000Z";
    put(&mut digits[..6], micros % 1_000_000);
    line.extend_from_slice(&digits);
}

/// `2026-11-22T05:10:11.`
fn to_the_second(second: u64) -> [u8; 20] {
    let at = UnixTime::from_millis(second.saturating_mul(1_000));
    let ((year, month, day), second) = (at.date(), at.0.rem_euclid(86_400));
    let mut text = *b"0000-00-00T00:00:00.";
    let parts = [(0..4, year), (5..7, month), (8..10, day)];
    let of_day = [(11..13, second / 3_600), (14..16, second / 60 % 60), (17..19, second % 60)];
    for (place, number) in parts.into_iter().chain(of_day) {
        put(&mut text[place], number.unsigned_abs());
    }
    text
}

/// The lowest digits of a number, as many as there is room for.
fn put(room: &mut [u8], mut number: u64) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The fields of an event as members of an object.
struct Json(Vec<u8>);

impl Json {
    fn key(&mut self, name: &str) {
        // A word of this program's own, with nothing to escape.
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, text: &str) {
        self.0.push(b'"');
        escape(&mut self.0, text);
        self.0.push(b'"');
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.key(field.name());
        // Writing into memory cannot fail.
        let _always_ok = write!(self.0, "{value}");
    }

    fn quoted(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.key(field.name());
        self.0.push(b'"');
        let _always_ok = Escaped(&mut self.0).write_fmt(value);
        self.0.push(b'"');
    }
}

impl Visit for Json {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.key(field.name());
        self.text(value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let thousandths = value * 1_000.0;
        if (0.0..1e12).contains(&value) && thousandths.fract() == 0.0 {
            // Milliseconds with three places, on every request line: no need of the shortest text that any number has.
            let thousandths = thousandths as u64;
            self.plain(field, thousandths / 1_000);
            let mut places = *b".000";
            put(&mut places[1..], thousandths % 1_000);
            self.0.extend_from_slice(&places);
        } else if value.is_finite() {
            self.plain(field, format_args!("{value:?}"));
        } else {
            self.plain(field, "null");
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.quoted(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.quoted(field, format_args!("{value:?}"));
    }
}

struct Escaped<'a>(&'a mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.0, text);
        Ok(())
    }
}

/// Text inside a JSON string (RFC 8259 7).
fn escape(out: &mut Vec<u8>, text: &str) {
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    let mut rest = text.as_bytes();
    // Most texts have nothing to escape; without a way out of the loop, that is seen many bytes at a time.
    if rest.iter().fold(true, |all, byte| all & plain(byte)) {
        return out.extend_from_slice(rest);
    }
    while let Some(end) = rest.iter().position(|byte| !plain(byte)) {
        out.extend_from_slice(&rest[..end]);
        match rest[end] {
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte => {
                let _always_ok = write!(out, "\\u{byte:04x}");
            }
        }
        rest = &rest[end + 1..];
    }
    out.extend_from_slice(rest);
}

/// " WARN what happened key=value": the message first, wherever it stands among the fields.
fn words(event: &Event<'_>) -> Vec<u8> {
    let mut line = Words { message: String::new(), fields: String::new() };
    event.record(&mut line);
    let Words { message, fields } = line;
    let gap = if message.is_empty() { fields.trim_start() } else { &fields };
    format!("{:>5} {message}{gap}\n", event.metadata().level().as_str()).into_bytes()
}

struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _always_ok = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn said(reader: Reader, speak: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let send = move |line: Vec<u8>| kept.lock().unwrap().push(String::from_utf8(line).unwrap());
        tracing::subscriber::with_default(Log { reader, most: LevelFilter::INFO, send }, speak);
        let lines = lines.lock().unwrap();
        lines.clone()
    }

    #[test]
    fn an_event_is_one_json_object_whatever_it_holds() {
        let lines = said(Reader::Machine, || {
            let odd = "a \"b\" \\ \n\r\t\u{1} é";
            tracing::info!(target: "request", text = odd, ms = 0.25, big = 1e21, none = f64::NAN, ok = true, n = -3, "said {}", 1);
            tracing::warn!(error = %odd, shown = ?odd);
            tracing::debug!("too quiet");
        });
        assert_eq!(lines.len(), 2);
        let [first, second]: [serde_json::Value; 2] =
            [0, 1].map(|index| serde_json::from_str(lines[index].trim_end()).unwrap());
        assert_eq!(first["text"], "a \"b\" \\ \n\r\t\u{1} é");
        assert_eq!((first["ms"].as_f64(), first["big"].as_f64()), (Some(0.25), Some(1e21)));
        assert_eq!((&first["none"], &first["ok"], first["n"].as_i64()), (&().into(), &true.into(), Some(-3)));
        assert_eq!(
            (&first["message"], &first["level"], &first["target"]),
            (&"said 1".into(), &"INFO".into(), &"request".into())
        );
        assert_eq!(second["error"], first["text"]);
        assert_eq!(second["shown"], format!("{:?}", first["text"].as_str().unwrap()));
        assert!(lines.iter().all(|line| line.ends_with("}\n") && line.matches('\n').count() == 1));
    }

    #[test]
    fn a_time_is_rfc_3339_to_the_microsecond() {
        let mut text = Vec::new();
        stamp(&mut text, 1_782_863_999_000_042);
        assert_eq!(String::from_utf8(text).unwrap(), "2026-06-30T23:59:59.000042Z");
    }

    #[test]
    fn people_read_the_message_first() {
        let lines = said(Reader::Person, || {
            tracing::warn!(key = "a b", "it {}", "went");
            tracing::error!(place = 3);
        });
        assert_eq!(lines, [" WARN it went key=\"a b\"\n", "ERROR place=3\n"]);
    }
}
