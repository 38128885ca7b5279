//! Processes: the servers under test, the throw-away PostgreSQL, and what the kernel counts of them.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::postgres::{LONGEST_SOCKET_FOLDER, Owner, programs, run};

/// The portal, as it is shipped.
pub const PORTAL: &str = env!("CARGO_BIN_EXE_talent-portal");

/// A command of the portal or the bench without the options of who runs the bench.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTAL_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end; gives what it printed.
pub fn finish(mut command: Command) -> anyhow::Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8(output.stdout)?)
}

/// A server that tells its address on standard output. Stopped when dropped.
pub struct Server {
    child: Child,
    /// Kept open: a server that says more must not find it closed.
    _told: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts it; what it logs goes to a file.
    pub fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(fs::File::create(log)?).spawn()?;
        let mut told = BufReader::new(child.stdout.take().context("a standard output")?);
        let mut address = None;
        for line in told.by_ref().lines() {
            if let Some(at) = line?.strip_prefix("API      http://") {
                address = at.split('/').next().and_then(|at| at.parse().ok());
                break;
            }
        }
        let Some(address) = address else {
            let _gone = child.kill();
            child.wait()?;
            anyhow::bail!("the server did not start: {}", fs::read_to_string(log)?)
        };
        Ok(Self { child, _told: told, address })
    }

    /// Id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it gracefully.
    pub fn stop(mut self) -> anyhow::Result<()> {
        finish({
            let mut kill = Command::new("kill");
            kill.arg(self.child.id().to_string());
            kill
        })?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A PostgreSQL server of the bench alone, as durable as a real one. Stopped and removed when dropped.
pub struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    owner: Owner,
    /// The postmaster.
    pub pid: u32,
}

impl Postgres {
    /// Starts one under `folder`; `None` where its programs are not installed.
    pub fn start(folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let mut folder = folder.join("postgres");
        if folder.as_os_str().len() > LONGEST_SOCKET_FOLDER {
            folder = std::env::temp_dir().join(format!("talent-portal-bench-{}", std::process::id()));
        }
        fs::create_dir_all(folder.join("socket"))?;
        let owner = Owner::choose(&folder);
        for path in [folder.clone(), folder.join("socket")] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
            if let Some((user, group)) = owner.0 {
                chown(&path, Some(user), Some(group))?;
            }
        }
        let plain = ["-D", "data", "--username=portal", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"];
        let made = run(owner.command(programs.join("initdb"), &folder).args(plain));
        ensure!(made.0, "initdb failed: {}", made.1);
        let settings = format!(
            "listen_addresses = ''\nmax_connections = 60\nshared_buffers = 512MB\nsynchronous_commit = on\nfsync = on\njit = off\nunix_socket_directories = '{}'\n",
            folder.join("socket").display()
        );
        let configuration = folder.join("data/postgresql.conf");
        fs::write(&configuration, fs::read_to_string(&configuration)? + &settings)?;
        let started = owner
            .command(programs.join("pg_ctl"), &folder)
            .args(["start", "-s", "-w", "-D", "data", "-l", "log"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        ensure!(started.success(), "PostgreSQL did not start: {}", fs::read_to_string(folder.join("log")).unwrap_or_default());
        let pid = fs::read_to_string(folder.join("data/postmaster.pid"))?.lines().next().context("a process")?.trim().parse()?;
        Ok(Some(Self { folder, programs, owner, pid }))
    }

    /// The URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        let socket = self.folder.join("socket").display().to_string().replace('%', "%25").replace(' ', "%20");
        format!("postgres://portal@localhost/{database}?host={socket}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _stopped = run(self.owner.command(self.programs.join("pg_ctl"), &self.folder).args(["stop", "-s", "-D", "data", "-m", "immediate"]));
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

/// The kernel's tick, 100 a second on Linux whatever its own frequency is.
const TICK: Duration = Duration::from_millis(10);

fn ticks(stat: &str) -> Option<u32> {
    // The name of the program may hold spaces; what is counted stands after its bracket.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let user: u32 = fields.nth(11)?.parse().ok()?;
    Some(user + fields.next()?.parse::<u32>().ok()?)
}

fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Processor time of a process so far, in user and system mode.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    Ok(TICK * ticks(&stat).context("a count of ticks")?)
}

/// Processor time of the children of a process that live.
pub fn cpu_of_children(pid: u32) -> anyhow::Result<Duration> {
    let mut all = 0;
    for process in fs::read_dir("/proc")?.flatten() {
        let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
        if parent(&stat) == Some(pid) {
            all += ticks(&stat).unwrap_or_default();
        }
    }
    Ok(TICK * all)
}

/// A line of /proc/<pid>/status in KiB: `VmRSS` or `VmHWM`.
pub fn memory(pid: u32, what: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).with_context(|| what.to_owned())?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// Forgets the peak of memory, so that the next one is of what comes now.
pub fn forget_peak(pid: u32) -> anyhow::Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}
