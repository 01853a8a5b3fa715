//! The program as a child process, and the little HTTP that it takes to talk to it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A directory of its own, removed at the end.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("causeway-cli-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _may_be_gone = fs::remove_dir_all(&self.0);
    }
}

/// The program with these arguments, in an environment without settings.
pub(crate) fn causeway<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CAUSEWAY_")) {
        command.env_remove(name);
    }
    command
}

/// Longer than anything here takes on a machine that is slow, busy, or stands still now and then: what is not there by then
/// never comes.
pub(crate) const HANG: Duration = Duration::from_secs(120);
/// What a program says at its end when somebody kept it from ending by itself.
const CUT_OFF: [&str; 2] = ["connections were still busy at the end and were closed", "what was still open was closed"];

/// How long something took: these tests watch another process, whose clock nobody can hold.
#[allow(clippy::disallowed_methods, reason = "a child process lives in real time")]
pub(crate) fn stopwatch() -> Instant {
    Instant::now()
}

/// Runs it to its end: exit code, standard output, standard error.
pub(crate) fn ended(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A program that serves. Killed when dropped.
pub(crate) struct Running {
    child: Child,
    describe: PathBuf,
}

impl Running {
    /// Starts it with `--describe` and waits until it says that it is ready.
    pub(crate) fn start(mut command: Command, describe: &Path) -> Self {
        let _stale = fs::remove_file(describe);
        command.arg("--describe").arg(describe).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Self { child: command.spawn().unwrap(), describe: describe.to_owned() };
        let begun = stopwatch();
        while !describe.exists() {
            if let Some(status) = running.child.try_wait().unwrap() {
                let (out, err) = running.said();
                panic!("it ended with {status}: {out}{err}");
            }
            assert!(begun.elapsed() < HANG, "it is not ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        running
    }

    pub(crate) fn description(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.describe).unwrap()).unwrap()
    }

    /// The one platform that it describes.
    pub(crate) fn platform(&self) -> Value {
        let platforms = self.description()["platforms"].clone();
        platforms.as_object().unwrap().values().next().unwrap().clone()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Limits how large its files may grow; false where the machine has no `prlimit`.
    pub(crate) fn limit_files(&self, limit: &str) -> bool {
        let pid = self.child.id().to_string();
        let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={limit}")]).status();
        set.is_ok_and(|status| status.success())
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Asks it to stop, which it does without cutting anybody off: exit code, standard output, standard error.
    pub(crate) fn stop(mut self, signal: &str) -> (i32, String, String) {
        self.signal(signal);
        let status = self.child.wait().unwrap();
        let (out, err) = self.said();
        assert!(!CUT_OFF.iter().any(|words| err.contains(words)), "nobody holds up a stop: {err}");
        (status.code().unwrap_or(-1), out, err)
    }

    /// What it has said by its end.
    fn said(&mut self) -> (String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (out, err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A request to an origin (`http://127.0.0.1:1`): status and body.
pub(crate) fn http(method: &str, origin: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let host = origin.strip_prefix("http://").unwrap();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    let reply = String::from_utf8_lossy(&reply).into_owned();
    let status = reply.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, reply.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// `GET`
pub(crate) fn get(origin: &str, path: &str) -> (u16, String) {
    http("GET", origin, path, &[], "")
}
