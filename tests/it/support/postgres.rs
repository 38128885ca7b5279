//! The programs of PostgreSQL and who runs them, for the tests and for the bench.
//!
//! PostgreSQL refuses to run as root, so root starts it as `postgres` or `nobody`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a socket's path may have in all, the server's own file name in it; Linux allows 107 bytes.
pub const LONGEST_SOCKET_FOLDER: usize = 90;

/// The folder that holds `initdb`, `pg_ctl` and `postgres`; none with `PORTAL_TEST_HIDE_POSTGRES=1`, as on a machine without
/// them.
pub fn programs() -> Option<PathBuf> {
    if std::env::var_os("PORTAL_TEST_HIDE_POSTGRES").is_some_and(|value| value == "1") {
        return None;
    }
    let told = Command::new("pg_config").arg("--bindir").output().ok().filter(|output| output.status.success());
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    // Debian keeps the server of each version in a folder of its own; `pg_config` may tell of a version without a server.
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    debian.sort_by_key(|path| {
        let version = path.parent().and_then(Path::file_name).and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok());
        std::cmp::Reverse(version)
    });
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let complete = |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|program| folder.join(program).is_file());
    told.into_iter().chain(debian).chain(on_path).find(complete)
}

/// Who owns the server: nobody in particular, or, for root, an unprivileged user.
#[derive(Clone, Copy, Debug)]
pub struct Owner(pub Option<(u32, u32)>);

impl Owner {
    /// Who is to own what lies in `folder`.
    pub fn choose(folder: &Path) -> Self {
        // The owner of a file that this process has just made is the user it runs as.
        if fs::metadata(folder).expect("the folder of the server").uid() != 0 {
            return Self(None);
        }
        let users = fs::read_to_string("/etc/passwd").expect("the users of this machine");
        let find = |name: &str| {
            let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut numbers = line.split(':').skip(2);
            Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        };
        Self(Some(find("postgres").or_else(|| find("nobody")).expect("root needs a user `postgres` or `nobody` to run PostgreSQL as")))
    }

    /// A program that the owner runs in `folder`.
    pub fn command(self, program: impl AsRef<OsStr>, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}

/// Runs it to its end: whether it succeeded, and what it said.
pub fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}
