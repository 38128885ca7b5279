//! The throw-away PostgreSQL server of a test run.
//!
//! It lives under the target folder, has no durability and listens on a socket only. Two locks let several test
//! processes (a runner that starts one for each test, two shells) share it: `users` is held shared by every process for
//! as long as it lives, `setup` while one of them looks whether the server runs and starts it. A small shell script
//! waits for `users` to be free, then stops the server and removes its data; what it misses, the next run removes.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use super::postgres::{LONGEST_SOCKET_FOLDER, Owner, programs, run};

/// What runs the server without care for its data. A crash test would want `fsync` on and its own server.
const SETTINGS: &str = "\
listen_addresses = ''
fsync = off
full_page_writes = off
autovacuum = off
max_connections = 400
log_min_messages = warning
";

/// Waits until no test process is left, then ends the server and removes what it wrote.
///
/// `$1` the folder, `$2` `pg_ctl`. One waits at a time (lock 8), and it lets go of that before a new run can start a
/// server (lock 9), so that there is one for every server. Without `flock` the next run tidies up.
const TIDY: &str = "\
cd \"$1\" || exit 0
exec 8>tidy.lock 9<users.lock || exit 0
flock -n 8 || exit 0
flock -x 9 || exit 0
\"$2\" stop -s -D data -m immediate
rm -rf data socket
exec 8>&-
";

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    socket: PathBuf,
    // Held until this process ends.
    _users: File,
    setup: PathBuf,
}

impl Cluster {
    /// The URL of a database of this server.
    pub fn url(&self, database: &str) -> String {
        // A socket's folder goes in as a parameter; its slashes need no escape there, but a space would.
        let socket = self.socket.to_str().expect("a path in UTF-8").replace('%', "%25").replace(' ', "%20");
        format!("postgres://portal@localhost/{database}?host={socket}")
    }

    /// Keeps other processes from making what this one is about to make, until dropped.
    pub fn exclusive(&self) -> File {
        locked(&self.setup)
    }
}

/// The server of this run, started by the first who asks; `None` where PostgreSQL is not installed, which is told once.
///
/// # Panics
/// When the server cannot be started, and, with `PORTAL_TEST_REQUIRE_POSTGRES=1`, when it is not installed.
pub fn cluster() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER
        .get_or_init(|| {
            if let Some(programs) = programs() {
                return Some(start(&programs));
            }
            assert!(
                std::env::var_os("PORTAL_TEST_REQUIRE_POSTGRES").is_none_or(|value| value != "1"),
                "PORTAL_TEST_REQUIRE_POSTGRES=1, and the programs of PostgreSQL were not found: install the Debian package `postgresql`"
            );
            // Past the test runner, which keeps to itself what a test prints.
            let _ = std::io::stderr().write_all(
                b"\nPostgreSQL was not found, so only the SQLite half of the tests runs; every `::postgres` test is skipped.\n\
                  To run both halves install the Debian package `postgresql` (no server needs to be running).\n\n",
            );
            None
        })
        .as_ref()
}

fn start(programs: &Path) -> Cluster {
    let under_target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
    let folder = if usable(&under_target) { under_target } else { elsewhere(&under_target) };
    assert!(usable(&folder), "the user who runs PostgreSQL cannot write in {}", folder.display());
    let owner = Owner::choose(&folder.join("users.lock"));
    let users = OpenOptions::new().read(true).write(true).open(folder.join("users.lock")).expect("users.lock");
    let setup = folder.join("setup.lock");
    let guard = locked(&setup);
    users.lock_shared().expect("a shared lock");
    if !run(owner.command(programs.join("pg_ctl"), &folder).args(["status", "-D", "data"])).0 {
        make(programs, owner, &folder);
    }
    let script = ["-c", TIDY, "tidy"].map(OsStr::new);
    let tidy = owner
        .command("sh", &folder)
        .args(script)
        .arg(&folder)
        .arg(programs.join("pg_ctl"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    drop(tidy.expect("a shell"));
    drop(guard);
    Cluster { socket: folder.join("socket"), _users: users, setup }
}

/// Makes a new server in the place of what an earlier run left.
fn make(programs: &Path, owner: Owner, folder: &Path) {
    for old in ["data", "socket"] {
        if folder.join(old).exists() {
            fs::remove_dir_all(folder.join(old)).expect("the data of an earlier run removed");
        }
    }
    fs::create_dir(folder.join("socket")).expect("a folder for the socket");
    fs::set_permissions(folder.join("socket"), Permissions::from_mode(0o700)).expect("permissions");
    if let Some((user, group)) = owner.0 {
        chown(folder.join("socket"), Some(user), Some(group)).expect("an owner");
    }
    // The order of a real language where the build has one: a sort key that forgot `COLLATE "C"` shows itself.
    let plain = ["-D", "data", "--username=portal", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"];
    let language = ["--locale-provider=icu", "--icu-locale=en-US"];
    let mut made = run(owner.command(programs.join("initdb"), folder).args(plain).args(language));
    if !made.0 {
        let _ = fs::remove_dir_all(folder.join("data"));
        made = run(owner.command(programs.join("initdb"), folder).args(plain));
    }
    assert!(made.0, "initdb failed: {}", made.1);
    let configuration = format!("{SETTINGS}unix_socket_directories = '{}'\n", folder.join("socket").display());
    let mut file = OpenOptions::new().append(true).open(folder.join("data/postgresql.conf")).expect("postgresql.conf");
    file.write_all(configuration.as_bytes()).expect("postgresql.conf written");
    let started = run(owner.command(programs.join("pg_ctl"), folder).args(["start", "-s", "-w", "-D", "data", "-l", "data/server.log"]));
    let log = fs::read_to_string(folder.join("data/server.log")).unwrap_or_default();
    assert!(started.0, "the server did not start: {}{log}", started.1);
}

/// Makes the folder with its locks and tells whether the server could work in it.
fn usable(folder: &Path) -> bool {
    if folder.as_os_str().len() > LONGEST_SOCKET_FOLDER || fs::create_dir_all(folder).is_err() {
        return false;
    }
    for lock in ["users.lock", "setup.lock", "tidy.lock"] {
        if OpenOptions::new().create(true).append(true).open(folder.join(lock)).is_err() {
            return false;
        }
    }
    let owner = Owner::choose(&folder.join("users.lock"));
    if let Some((user, group)) = owner.0 {
        for path in [folder.to_path_buf(), folder.join("tidy.lock")] {
            if chown(path, Some(user), Some(group)).is_err() {
                return false;
            }
        }
    }
    // A folder above that the user may not pass (a checkout below /root) shows here.
    run(owner.command("/bin/sh", Path::new("/")).arg("-c").arg("test -w \"$0\" && test -x \"$0\"").arg(folder)).0
}

/// A folder outside the target folder, of this target folder alone.
fn elsewhere(under_target: &Path) -> PathBuf {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    under_target.hash(&mut hasher);
    std::env::temp_dir().join(format!("talent-portal-postgres-{:016x}", hasher.finish()))
}

fn locked(path: &Path) -> File {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("a lock file");
    file.lock().expect("an exclusive lock");
    file
}
