//! A throw-away PostgreSQL cluster from the distribution's binaries: Unix socket and loopback TCP, synced like a real one,
//! killed when it is dropped and when the process that started it dies. What is stored in it is not this file's business.

mod bad_days;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, thread};

use crate::{Scratch, free_port};
pub use bad_days::Held;

/// The superuser of every cluster, …
pub const USER: &str = "causeway";
/// … who needs this over TCP and nothing over the socket.
pub const PASSWORD: &str = "not a secret";

/// The server runs under a shell that ends it when its input ends: however this process dies, the kernel closes the pipe.
/// Unless it was told to keep them, the shell then removes the files.
const SUPERVISOR: &str = r#"files=$1; shift; "$@" & pid=$!; read -r word; kill -QUIT $pid 2>/dev/null; wait $pid
    [ "$word" = keep ] || rm -rf "$files""#;
/// How often a start is looked at, and how many times.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS: u32 = 6_000;
/// Somebody may take a free port before the server does.
const TRIES: u32 = 5;
/// What the server says then.
const TAKEN: &str = "could not create any TCP/IP sockets";

/// What a cluster may have beside the usual.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A certificate for `localhost` and `127.0.0.1`, made by the `openssl` command; see [`Cluster::certificate`].
    pub tls: bool,
    /// Lines at the end of `postgresql.conf`.
    pub settings: Vec<String>,
    /// A network namespace to run in, and the networks that may come in (`10.0.0.0/24`). Root only.
    pub namespace: Option<(String, Vec<String>)>,
    /// A disk that a test can fill: [`Cluster::fill_disk`]. Needs a C compiler.
    pub disk: bool,
}

/// A running cluster, or one that was stopped and may be started again.
#[derive(Debug)]
pub struct Cluster {
    scratch: Scratch,
    bin: PathBuf,
    /// Who runs it; `None` when this process is an ordinary user's.
    owner: Option<(u32, u32)>,
    port: u16,
    running: Mutex<Option<Running>>,
    databases: AtomicU32,
    /// Where it runs, if not here.
    namespace: Option<String>,
    /// What is preloaded, so that the disk can be full.
    disk: Option<PathBuf>,
}

#[derive(Debug)]
struct Running {
    supervisor: Child,
    /// Open as long as the server shall run.
    leash: ChildStdin,
}

impl Running {
    /// The server has ended, and will be started again.
    fn end_and_keep(mut self) {
        self.leash.write_all(b"keep\n").ok();
        drop(self.leash);
        self.supervisor.wait().ok();
    }
}

impl Cluster {
    /// A new cluster, running.
    ///
    /// # Panics
    /// When PostgreSQL is not installed (Debian: `apt-get install postgresql`), or does not start.
    pub fn start() -> Cluster {
        Cluster::start_with(&Options::default())
    }

    /// [`Cluster::start`], with more.
    ///
    /// # Panics
    /// As [`Cluster::start`]; with `tls`, when there is no `openssl`.
    pub fn start_with(options: &Options) -> Cluster {
        let mut cluster = Cluster::new(options);
        cluster.initialise(options);
        for _ in 0..TRIES {
            if cluster.attempt() {
                return cluster;
            }
            cluster.port = free_port();
            cluster.configure(&format!("port = {}\n", cluster.port));
        }
        panic!("PostgreSQL found each of {TRIES} free ports taken");
    }

    /// A synchronous standby of this cluster, running: from now on no commit is answered before both have it on disk.
    ///
    /// # Panics
    /// When it cannot be made, or does not catch up.
    pub fn standby(&self) -> Cluster {
        let standby = Cluster::new(&Options::default());
        let mut copy = standby.command(self.bin.join("pg_basebackup"));
        copy.args(["--host", &self.scratch.path().to_string_lossy(), "--port", &self.port.to_string()])
            .args(["--username", USER, "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--pgdata"])
            .arg(standby.data());
        succeeded(copy.output(), "pg_basebackup");
        let (port, directory) = (standby.port, standby.scratch.path().display());
        standby.configure(&format!(
            "port = {port}\nunix_socket_directories = '{directory}'\ncluster_name = 'standby'\n\
             primary_conninfo = 'host={} port={} user={USER} application_name=standby'\n",
            self.scratch.path().display(),
            self.port
        ));
        standby.run();
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        self.sql("postgres", "SELECT pg_reload_conf()");
        for _ in 0..LOOKS {
            let state = self.sql("postgres", "SELECT sync_state FROM pg_stat_replication");
            if state.trim() == "sync" {
                return standby;
            }
            thread::sleep(LOOK);
        }
        panic!("the standby does not catch up:\n{}", standby.last_words());
    }

    /// Makes a standby a primary that waits for nobody; answers when it takes writes.
    ///
    /// # Panics
    /// When it does not run, or is a primary already.
    pub fn promote(&self) {
        self.sql("postgres", "SELECT pg_promote(true, 60)");
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = ''");
        self.sql("postgres", "SELECT pg_reload_conf()");
    }

    fn new(options: &Options) -> Cluster {
        let scratch = Scratch::new("postgres");
        let owner = ordinary_user();
        if let Some((uid, gid)) = owner {
            chown(scratch.path(), Some(uid), Some(gid)).expect("root may give a directory away");
        }
        let disk = options.disk.then(|| bad_days::compiled(scratch.path()));
        Cluster {
            scratch,
            bin: binaries(),
            owner,
            port: free_port(),
            running: Mutex::default(),
            databases: AtomicU32::new(0),
            namespace: options.namespace.as_ref().map(|(name, _)| name.clone()),
            disk,
        }
    }

    /// Where a database is, over TCP, as the superuser.
    pub fn url(&self, database: &str) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://{USER}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The same over the Unix socket.
    pub fn socket_url(&self, database: &str) -> String {
        let directory = self.scratch.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://{USER}@{directory}:{}/{database}", self.port)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the server, which is its own authority (PEM).
    pub fn certificate(&self) -> PathBuf {
        self.scratch.path().join("server.crt")
    }

    /// A certificate of somebody else (PEM): nobody may take it for the server's.
    pub fn strange_certificate(&self) -> PathBuf {
        self.scratch.path().join("strange.crt")
    }

    /// A fresh, empty database; answers its name.
    ///
    /// # Panics
    /// When the cluster is not running.
    pub fn database(&self) -> String {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Runs statements as the superuser and answers what `psql` prints: rows, unaligned.
    ///
    /// # Panics
    /// When one of them fails.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"])
            .args(["--host", &self.scratch.path().to_string_lossy(), "--port", &self.port.to_string()])
            .args(["--username", USER, "--dbname", database, "--command", statements]);
        text(&succeeded(psql.output(), "psql"))
    }

    /// Ends the server at once and hard, as a power cut would: every process of it by SIGKILL. It answers when all are gone.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.take().expect("it runs");
        let postmaster = self.postmaster().expect("a running server has written its process id");
        // It stands still first: nothing is started while all are ended.
        signal("-STOP", &[postmaster]);
        let mut all = children(postmaster);
        all.push(postmaster);
        signal("-9", &all);
        for _ in 0..LOOKS {
            if all.iter().all(|process| has_ended(*process)) {
                break;
            }
            thread::sleep(LOOK);
        }
        running.end_and_keep();
        fs::remove_file(self.data().join("postmaster.pid")).ok();
    }

    /// Ends the server in an orderly way, breaking off its sessions.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = running.take().expect("it runs");
        let postmaster = self.postmaster().expect("a running server has written its process id");
        signal("-INT", &[postmaster]);
        for _ in 0..LOOKS {
            if has_ended(postmaster) || self.postmaster().is_none() {
                break;
            }
            thread::sleep(LOOK);
        }
        running.end_and_keep();
    }

    /// Starts it again after [`Cluster::kill`] or [`Cluster::stop`], on the same port and files.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn run(&self) {
        assert!(self.attempt(), "somebody took the port of a server that stood still:\n{}", self.last_words());
    }

    /// False when its port was taken meanwhile.
    fn attempt(&self) -> bool {
        let before = fs::metadata(self.log()).map_or(0, |log| usize::try_from(log.len()).unwrap_or(0));
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log()).expect("the log can be written");
        let mut command = match &self.namespace {
            None => self.command("sh"),
            Some(namespace) => self.command_in(namespace, "sh"),
        };
        if let Some(disk) = &self.disk {
            command.env("LD_PRELOAD", disk).env("DISK_FULL", self.fullness());
        }
        command
            .args(["-c", SUPERVISOR, "sh"])
            .arg(self.scratch.path())
            .arg(self.bin.join("postgres"))
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            // Ctrl-C is for who runs the tests; the leash ends the server.
            .process_group(0);
        let mut supervisor = command.spawn().expect("sh can be run");
        let leash = supervisor.stdin.take().expect("piped");
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { supervisor, leash });
        for _ in 0..LOOKS {
            // The last line of the file says whether it takes connections.
            let state = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            if state.lines().nth(7).is_some_and(|line| matches!(line.trim(), "ready" | "standby")) {
                return true;
            }
            if fs::read(self.log()).is_ok_and(|log| String::from_utf8_lossy(&log[before..]).contains(TAKEN)) {
                let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
                running.take().into_iter().for_each(Running::end_and_keep);
                return false;
            }
            thread::sleep(LOOK);
        }
        panic!("PostgreSQL does not start:\n{}", self.last_words());
    }

    /// The server's log.
    pub fn log(&self) -> PathBuf {
        self.scratch.path().join("log")
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn postmaster(&self) -> Option<u32> {
        fs::read_to_string(self.data().join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// A command as the cluster's owner. PostgreSQL refuses to run as root.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.scratch.path()).env("LC_ALL", "C.UTF-8");
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// The same in a network namespace: root enters it and then drops to the owner.
    fn command_in(&self, namespace: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.current_dir(self.scratch.path()).env("LC_ALL", "C.UTF-8").args(["netns", "exec", namespace]);
        if let Some((uid, gid)) = self.owner {
            command.args(["setpriv", &format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups"]);
        }
        command.arg(program);
        command
    }

    /// Lines at the end of the configuration: the last of a name counts.
    fn configure(&self, lines: &str) {
        let file = fs::OpenOptions::new().append(true).open(self.data().join("postgresql.conf"));
        let mut file = file.expect("initdb wrote its configuration");
        file.write_all(lines.as_bytes()).expect("it can be written");
    }

    fn initialise(&self, options: &Options) {
        let secret = self.scratch.path().join("password");
        self.write(&secret, PASSWORD);
        let mut initdb = self.command(self.bin.join("initdb"));
        initdb
            .args([
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
            ])
            .args(["--username", USER, "--pwfile"])
            .arg(&secret)
            .arg("-D")
            .arg(self.data());
        succeeded(initdb.output(), "initdb");
        let directory = self.scratch.path().display();
        let mut settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{directory}'\nfsync = on\n\
             shared_buffers = 64MB\nmax_connections = 200\nmax_wal_size = 1GB\nlog_line_prefix = '%m [%p] '\n",
            self.port
        );
        if options.tls {
            self.certify("server", "/CN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1");
            self.certify("strange", "/CN=elsewhere.example", "subjectAltName=DNS:elsewhere.example");
            settings += &format!(
                "ssl = on\nssl_cert_file = '{directory}/server.crt'\nssl_key_file = '{directory}/server.key'\n"
            );
        }
        for line in &options.settings {
            settings += &format!("{line}\n");
        }
        if let Some((_, networks)) = &options.namespace {
            // It is reached at whatever address its namespace has.
            settings += "listen_addresses = '*'\n";
            let line = |network: &String| format!("host all all {network} scram-sha-256\n");
            let lines: String = networks.iter().map(line).collect();
            let file = fs::OpenOptions::new().append(true).open(self.data().join("pg_hba.conf"));
            let mut file = file.expect("initdb wrote who may come in");
            file.write_all(lines.as_bytes()).expect("it can be written");
        }
        self.configure(&settings);
    }

    fn certify(&self, name: &str, subject: &str, names: &str) {
        let file = |ending: &str| self.scratch.path().join(format!("{name}.{ending}"));
        let mut openssl = self.command("openssl");
        openssl
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "3650", "-subj", subject, "-addext", names])
            // Not an authority: a certificate that is both is refused as a server's.
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(file("key"))
            .arg("-out")
            .arg(file("crt"));
        succeeded(openssl.output(), "openssl");
        fs::set_permissions(file("key"), fs::Permissions::from_mode(0o600)).ok();
    }

    fn write(&self, path: &Path, text: &str) {
        fs::write(path, text).expect("the scratch directory can be written");
        if let Some((uid, gid)) = self.owner {
            chown(path, Some(uid), Some(gid)).expect("root may give a file away");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(Running { mut supervisor, leash }) = running.take() {
            drop(leash);
            supervisor.wait().ok();
        }
    }
}

/// The newest installed version's binaries.
fn binaries() -> PathBuf {
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let newest = installed.filter(|path| path.join("bin/postgres").exists()).max_by_key(|path| version(path));
    newest.expect("PostgreSQL is installed (Debian: apt-get install postgresql)").join("bin")
}

/// When this process is root's: whom to drop to.
fn ordinary_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let root = fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0);
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    root.then(|| find("postgres").or_else(|| find("nobody")).expect("there is an ordinary user"))
}

fn signal(which: &str, processes: &[u32]) {
    let numbers = processes.iter().map(u32::to_string);
    Command::new("kill").arg(which).args(numbers).stderr(Stdio::null()).status().ok();
}

/// Gone, or only not yet buried.
fn has_ended(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    state
        .rsplit(')')
        .next()
        .is_none_or(|rest| rest.trim_start().is_empty() || rest.trim_start().starts_with(['Z', 'X']))
}

fn children(of: u32) -> Vec<u32> {
    let file = format!("/proc/{of}/task/{of}/children");
    let listed = fs::read_to_string(file).unwrap_or_default();
    listed.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn succeeded(output: std::io::Result<Output>, what: &str) -> Output {
    let output = output.unwrap_or_else(|error| panic!("{what} cannot be run: {error}"));
    assert!(output.status.success(), "{what} failed: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
