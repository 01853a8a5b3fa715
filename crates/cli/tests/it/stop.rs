//! How the program stops: whoever got a connection gets an answer, whoever does not is refused at once, and nobody is reset. Both
//! for those who connect anew each time and for those who keep a connection.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::program::{Dir, HANG, Running, causeway, stopwatch};

/// A program that stops waits so long for a request that may be on its way.
const LAST_CALL: Duration = Duration::from_millis(500);

fn serve(dir: &Dir) -> Command {
    let mut command = causeway(["serve", "--profile", "cal", "--listen", "127.0.0.1:0"]);
    command.arg("--data").arg(dir.path("data"));
    command
}

fn start(dir: &Dir) -> (Running, String) {
    started(serve(dir), dir)
}

fn started(command: Command, dir: &Dir) -> (Running, String) {
    let running = Running::start(command, &dir.path("describe.json"));
    let url = running.platform()["api_url"].as_str().unwrap().to_owned();
    (running, url.strip_prefix("http://").unwrap().to_owned())
}

/// One request on a connection, sent.
fn ask(stream: &mut TcpStream, path: &str) -> std::io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", stream.peer_addr()?);
    stream.write_all(request.as_bytes())
}

/// The reply's head; an error where the connection ends before there is one.
fn reply(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(HANG))?;
    let (mut seen, mut byte) = (Vec::new(), [0; 1]);
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(0) => return Err(std::io::Error::new(ErrorKind::UnexpectedEof, "closed without an answer")),
            Ok(_) => seen.push(byte[0]),
            // This process was stopped and went on.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8_lossy(&seen).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    stream.read_exact(&mut vec![0; length.parse().unwrap()])?;
    Ok(head)
}

fn is_last(head: &str) -> bool {
    head.contains("connection: close")
}

/// Waits until nobody gets in any more: at first whoever tries gets no answer, then no.
fn refused(address: &str) {
    let (begun, address) = (stopwatch(), address.parse().unwrap());
    while TcpStream::connect_timeout(&address, Duration::from_millis(20)).is_ok() {
        assert!(begun.elapsed() < HANG, "it still takes connections");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A process that stands still takes nobody in: whoever comes then waits in the kernel's queue, behind the signal.
#[test]
fn who_stands_in_the_queue_when_it_is_asked_to_stop_is_answered() {
    let dir = Dir::new();
    let (running, address) = start(&dir);
    let mut kept: Vec<TcpStream> = (0..4).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for stream in &mut kept {
        ask(stream, "/healthz").unwrap();
        assert!(!is_last(&reply(stream).unwrap()));
    }
    running.signal("STOP");
    let mut queued: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(&address).unwrap()).collect();
    // Half have sent their request already, half are about to.
    queued.iter_mut().step_by(2).for_each(|stream| ask(stream, "/healthz").unwrap());
    kept.iter_mut().for_each(|stream| ask(stream, "/healthz").unwrap());
    running.signal("TERM");
    let stopping = stopwatch();
    running.signal("CONT");
    refused(&address);
    for (n, stream) in queued.iter_mut().enumerate() {
        let may_be_late = n % 2 == 1 && {
            let _seen_below = ask(stream, "/healthz");
            stopping.elapsed() >= LAST_CALL
        };
        match reply(stream) {
            Ok(head) => assert!(head.starts_with("http/1.1 200 "), "{n}: {head}"),
            Err(error) => assert!(may_be_late, "{n} of the queue: {error}"),
        }
    }
    for stream in &mut kept {
        let head = reply(stream).expect("its request was on the way");
        assert!(head.starts_with("http/1.1 200 "), "{head}");
    }
    let (code, _, err) = running.stop("TERM");
    assert_eq!(code, 0, "{err}");
}

#[test]
fn who_keeps_a_connection_is_answered_once_more_and_told_that_it_is_the_last_time() {
    // Once in ten times this machine does not stand still for half a second.
    assert!((0..10).any(|_| asked_within_the_last_call()), "it was never asked in time");
}

/// False: whoever keeps a connection asked so late that nobody need have waited.
fn asked_within_the_last_call() -> bool {
    let dir = Dir::new();
    let (running, address) = start(&dir);
    let mut kept: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for stream in &mut kept {
        ask(stream, "/readyz").unwrap();
        assert!(reply(stream).unwrap().starts_with("http/1.1 200 "));
    }
    let stopping = stopwatch();
    running.signal("TERM");
    refused(&address);
    let [alive, ready, idle] = &mut kept[..] else { panic!("three") };
    let asked = ask(alive, "/healthz").and_then(|()| ask(ready, "/readyz"));
    if stopping.elapsed() >= LAST_CALL {
        return false;
    }
    asked.expect("both are open");
    let head = reply(alive).expect("an idle connection is not closed at once");
    assert!(head.starts_with("http/1.1 200 ") && is_last(&head), "{head}");
    let head = reply(ready).expect("nor is this one");
    assert!(head.starts_with("http/1.1 503 ") && is_last(&head), "{head}");
    // Who asks for nothing is closed, in order.
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(running.stop("TERM").0, 0);
    true
}

/// What came of the requests of one client.
#[derive(Default)]
struct Seen {
    answered: u32,
    broken: Vec<String>,
}

/// Sends requests until it is refused, each on a connection of its own or, as long as it may, on the same; tells of the first
/// answer. Whoever stands still for longer than the last call may find that nobody waited: that is nothing broken.
fn client(address: &str, keeps: bool, first: &Barrier) -> Seen {
    let (mut seen, mut held) = (Seen::default(), None::<(TcpStream, Instant)>);
    loop {
        let begun = stopwatch();
        let (mut stream, since) = match held.take() {
            Some(held) => held,
            None => match TcpStream::connect(address) {
                Ok(stream) => (stream, begun),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => return seen,
                Err(error) => {
                    seen.broken.push(format!("connect: {error}"));
                    return seen;
                }
            },
        };
        let asked = ask(&mut stream, "/healthz");
        let is_late = since.elapsed() >= LAST_CALL;
        match asked.and_then(|()| reply(&mut stream)) {
            Ok(head) => {
                seen.answered += 1;
                if seen.answered == 1 {
                    first.wait();
                }
                held = Some((stream, begun)).filter(|_| keeps && !is_last(&head));
            }
            Err(_) if is_late => {}
            Err(error) => seen.broken.push(format!("answered {} before: {error}", seen.answered)),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_stop_under_traffic_breaks_no_request() {
    for _round in 0..3 {
        let dir = Dir::new();
        let (running, address) = start(&dir);
        let first = Arc::new(Barrier::new(13));
        let clients: Vec<_> = (0..12)
            .map(|n| {
                let (address, first) = (address.clone(), Arc::clone(&first));
                thread::spawn(move || client(&address, n % 2 == 0, &first))
            })
            .collect();
        // Each is answered before the stop, and goes on while it comes.
        first.wait();
        let (code, _, err) = running.stop("TERM");
        assert_eq!(code, 0, "{err}");
        for client in clients {
            let seen = client.join().unwrap();
            assert!(seen.answered > 0 && seen.broken.is_empty(), "{:?}", seen.broken);
        }
    }
}

/// New connections until nobody gets in any more: what they were answered.
fn answers(origin: &str, path: &str) -> impl Iterator<Item = u16> {
    let (origin, path) = (origin.to_owned(), path.to_owned());
    let address = origin.strip_prefix("http://").unwrap().to_owned();
    std::iter::from_fn(move || {
        let mut stream = TcpStream::connect(&address).ok()?;
        ask(&mut stream, &path).unwrap();
        let head = reply(&mut stream).unwrap_or_else(|error| panic!("{path}: {error}"));
        Some(head.split(' ').nth(1).unwrap().parse().unwrap())
    })
}

#[test]
fn with_a_delay_it_says_that_it_will_stop_before_it_does() {
    let dir = Dir::new();
    let mut command = serve(&dir);
    command.args(["--stop-delay", "5"]);
    let (running, address) = started(command, &dir);
    let (origin, begun) = (format!("http://{address}"), stopwatch());
    running.signal("TERM");
    // Each of these is a new connection: it is taken, and told that there will be no more.
    let ready: Vec<u16> = answers(&origin, "/readyz").take_while(|status| *status != 503).collect();
    assert!(ready.iter().all(|status| *status == 200), "{ready:?}");
    let alive: Vec<u16> = answers(&origin, "/healthz").inspect(|_| thread::sleep(Duration::from_millis(20))).collect();
    assert!(!alive.is_empty() && alive.iter().all(|status| *status == 200), "readiness turns first: {alive:?}");
    // It may take longer, and never less.
    assert!(begun.elapsed() >= Duration::from_millis(4_900), "{:?}", begun.elapsed());
    assert_eq!(running.stop("TERM").0, 0);
    let mut command = serve(&dir);
    command.args(["--stop-delay", "9"]);
    let (code, _, err) = crate::program::ended(command);
    assert!(code == 2 && err.contains("stop_delay = \"9\": not a number of seconds from 0 to 5"), "{err}");
}
