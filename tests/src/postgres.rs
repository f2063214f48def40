//! A PostgreSQL server of a test's own: a fresh cluster in a scratch folder, on a free port of this machine.

use crate::places::{run, tool};
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long the server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where Debian keeps the programs of its PostgreSQL releases.
const RELEASES: &str = "/usr/lib/postgresql";
/// The superuser of the cluster, who needs no password.
const USER: &str = "tester";
/// The unprivileged user of the system who owns the cluster when the tests run as root, which may not.
const OWNER: &str = "postgres";

/// A running server with an empty database `postgres`. Dropping it ends the server and deletes the cluster.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Postgres {
    /// The server that all tests of a binary share, each with a database of its own. It lives as long as one of them
    /// holds it. Skips with a message when PostgreSQL is missing.
    ///
    /// # Panics
    /// If PostgreSQL is there but does not start.
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// Makes a cluster and starts its server, or skips with a message when PostgreSQL is missing.
    ///
    /// # Panics
    /// If PostgreSQL is there but does not start.
    pub fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// The same, with more lines in its `postgresql.conf`, such as `max_connections = 10`.
    ///
    /// # Panics
    /// If PostgreSQL is there but does not start.
    pub fn start_with(settings: &str) -> Option<Self> {
        let programs = tool("postgres", programs())?;
        let folder =
            tempfile::Builder::new().prefix("foretell-postgres").tempdir().expect("a scratch folder");
        if is_root() {
            run(Command::new("chown").arg(OWNER).arg(folder.path()));
        }
        let mut postgres = Self { programs, folder, port: 0, server: None };
        let mut initdb = postgres.command("initdb");
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--username", USER]);
        run(initdb.arg("--pgdata").arg(postgres.data()));
        // A cluster for a minute needs no safety from power loss; what it has committed outlives its process all the same.
        let lines = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n\
             full_page_writes = off\nshared_buffers = 32MB\n{settings}\n"
        );
        append(&postgres.data().join("postgresql.conf"), &lines);
        postgres.boot();
        Some(postgres)
    }

    /// The URL of its database.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Makes another empty database and returns its URL.
    pub fn create(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let database = format!("test{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.query(&format!("CREATE DATABASE {database}"));
        self.url_of(&database)
    }

    /// Runs SQL in the database `postgres` and returns what `psql` prints, without headings.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn query(&self, sql: &str) -> String {
        self.query_in(&self.url(), sql)
    }

    /// The same in another database.
    ///
    /// # Panics
    /// If the server refuses it.
    pub fn query_in(&self, url: &str, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
        run(psql.args(["--dbname", url, "--command", sql])).trim_end().to_owned()
    }

    /// Ends the server in good order, connections with it. It can be started again.
    pub fn stop(&mut self) {
        self.end("-INT");
    }

    /// Ends the server as a crash would: nothing is told, nothing is written at the end.
    pub fn kill(&mut self) {
        self.end("-QUIT");
    }

    /// Starts the server again on the same port, with the same data.
    pub fn restart(&mut self) {
        self.boot();
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL, run by a user who may.
    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", OWNER, "--regid", OWNER, "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn boot(&mut self) {
        let started = Instant::now();
        while self.server.is_none() {
            if self.port == 0 {
                self.port = free_port();
            }
            let mut command = self.command("postgres");
            let log = File::create(self.folder.path().join("log")).expect("a log");
            command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
            let mut server = command.stdout(Stdio::null()).stderr(log).spawn().expect("postgres starts");
            if await_ready(&mut server, self.port) {
                self.server = Some(server);
            } else {
                // Someone else took the port in the meantime, or still holds it.
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                assert!(started.elapsed() < PATIENCE, "postgres does not start:\n{log}");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        while self.try_query().is_none() {
            assert!(started.elapsed() < PATIENCE, "postgres does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn try_query(&self) -> Option<()> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--dbname", &self.url(), "--command", "SELECT 1"]);
        psql.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?.success().then_some(())
    }

    fn end(&mut self, signal: &str) {
        let Some(mut server) = self.server.take() else { return };
        run(Command::new("kill").args([signal, &server.id().to_string()]));
        let started = Instant::now();
        while server.try_wait().expect("a child of ours").is_none() {
            assert!(started.elapsed() < PATIENCE, "postgres does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // SIGQUIT ends the server's own processes too, which SIGKILL would leave behind.
            Command::new("kill").args(["-QUIT", &server.id().to_string()]).status().ok();
            server.wait().ok();
        }
    }
}

/// The programs of the newest release there is.
fn programs() -> Option<PathBuf> {
    let release = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let releases = fs::read_dir(RELEASES).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let whole = |path: &PathBuf| path.join("bin/initdb").exists() && path.join("bin/postgres").exists();
    releases.filter(whole).max_by_key(release).map(|path| path.join("bin"))
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")).trim() == "0"
}

fn append(path: &Path, lines: &str) {
    let old = fs::read_to_string(path).expect("a configuration");
    // Written in place, the file keeps its owner.
    fs::write(path, old + lines).expect("the configuration can be written");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Whether the server accepts connections before it ends.
fn await_ready(server: &mut Child, port: u16) -> bool {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if server.try_wait().expect("a child of ours").is_some() {
            return false;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}
