//! How the program stops: whoever got a connection gets an answer, whoever does not is refused at once, and nobody is reset. Both
//! for those who connect anew each time and for those who keep a connection.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::program::{Dir, Running, causeway, get, stopwatch};

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
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let (mut seen, mut byte) = (Vec::new(), [0; 1]);
    while !seen.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Err(std::io::Error::new(ErrorKind::UnexpectedEof, "closed without an answer"));
        }
        seen.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&seen).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    stream.read_exact(&mut vec![0; length.parse().unwrap()])?;
    Ok(head)
}

fn is_last(head: &str) -> bool {
    head.contains("connection: close")
}

/// Waits until nobody gets in any more.
fn refused(address: &str) {
    let begun = stopwatch();
    while TcpStream::connect(address).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it still takes connections");
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
    running.signal("CONT");
    refused(&address);
    queued.iter_mut().skip(1).step_by(2).for_each(|stream| drop(ask(stream, "/healthz")));
    for (n, stream) in queued.iter_mut().enumerate() {
        let head = reply(stream).unwrap_or_else(|error| panic!("{n} of the queue: {error}"));
        assert!(head.starts_with("http/1.1 200 "), "{n}: {head}");
    }
    for stream in &mut kept {
        let head = reply(stream).expect("its request was on the way");
        assert!(head.starts_with("http/1.1 200 "), "{head}");
    }
    let (code, took, _, err) = running.stop("TERM");
    assert_eq!(code, 0, "{err}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn who_keeps_a_connection_is_answered_once_more_and_told_that_it_is_the_last_time() {
    let dir = Dir::new();
    let (running, address) = start(&dir);
    let mut kept: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for stream in &mut kept {
        ask(stream, "/readyz").unwrap();
        assert!(reply(stream).unwrap().starts_with("http/1.1 200 "));
    }
    running.signal("TERM");
    refused(&address);
    let [alive, ready, idle] = &mut kept[..] else { panic!("three") };
    ask(alive, "/healthz").unwrap();
    let head = reply(alive).expect("an idle connection is not closed at once");
    assert!(head.starts_with("http/1.1 200 ") && is_last(&head), "{head}");
    ask(ready, "/readyz").unwrap();
    let head = reply(ready).expect("nor is this one");
    assert!(head.starts_with("http/1.1 503 ") && is_last(&head), "{head}");
    // Who asks for nothing is closed, in order.
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    let (code, took, _, _) = running.stop("TERM");
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// What came of the requests of one client.
#[derive(Default)]
struct Seen {
    answered: u32,
    broken: Vec<String>,
}

/// Sends requests until it is refused, each on a connection of its own or, as long as it may, on the same.
fn client(address: &str, keeps: bool) -> Seen {
    let (mut seen, mut held) = (Seen::default(), None::<TcpStream>);
    loop {
        let mut stream = match held.take() {
            Some(stream) => stream,
            None => match TcpStream::connect(address) {
                Ok(stream) => stream,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => return seen,
                Err(error) => {
                    seen.broken.push(format!("connect: {error}"));
                    return seen;
                }
            },
        };
        match ask(&mut stream, "/healthz").and_then(|()| reply(&mut stream)) {
            Ok(head) => {
                seen.answered += 1;
                held = Some(stream).filter(|_| keeps && !is_last(&head));
            }
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
        let clients: Vec<_> = (0..12)
            .map(|n| {
                let address = address.clone();
                thread::spawn(move || client(&address, n % 2 == 0))
            })
            .collect();
        thread::sleep(Duration::from_millis(150));
        let (code, took, _, err) = running.stop("TERM");
        assert_eq!(code, 0, "{err}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        for client in clients {
            let seen = client.join().unwrap();
            assert!(seen.answered > 0 && seen.broken.is_empty(), "{:?}", seen.broken);
        }
    }
}

#[test]
fn with_a_delay_it_says_that_it_will_stop_before_it_does() {
    let dir = Dir::new();
    let mut command = serve(&dir);
    command.args(["--stop-delay", "2"]);
    let (running, address) = started(command, &dir);
    let (origin, begun) = (format!("http://{address}"), stopwatch());
    running.signal("TERM");
    while get(&origin, "/readyz").0 != 503 {
        assert!(begun.elapsed() < Duration::from_secs(1), "readiness turns first");
    }
    let goes_on = Arc::new(AtomicBool::new(true));
    let late = {
        let (origin, goes_on) = (origin.clone(), goes_on.clone());
        thread::spawn(move || {
            while goes_on.load(Ordering::Relaxed) {
                assert_eq!(get(&origin, "/healthz").0, 200, "new connections are taken meanwhile");
                thread::sleep(Duration::from_millis(20));
            }
        })
    };
    thread::sleep(Duration::from_millis(1_000));
    goes_on.store(false, Ordering::Relaxed);
    late.join().unwrap();
    refused(&address);
    assert!(begun.elapsed() >= Duration::from_millis(1_900), "{:?}", begun.elapsed());
    assert_eq!(running.stop("TERM").0, 0);
    let mut command = serve(&dir);
    command.args(["--stop-delay", "9"]);
    let (code, _, err) = crate::program::ended(command);
    assert!(code == 2 && err.contains("stop_delay = \"9\": not a number of seconds from 0 to 5"), "{err}");
}
