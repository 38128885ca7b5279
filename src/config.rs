//! The only reader of the environment. Typed; fails at start with every problem listed.
//!
//! Each option can stand in a TOML file (`--config`, `PORTAL_CONFIG`), in the environment (`PORTAL_` and the name in
//! capitals) and on the command line; the later wins. A library that reads into a struct ends at the first wrong
//! type, so the options are a table here and all problems are told together.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use chrono::NaiveTime;

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The data store.
    pub database_url: String,
    /// The store of person keys; on PostgreSQL by default the schema `portal_keys` of the same database.
    pub key_database_url: Option<String>,
    /// URL of the role that may change the schema (PostgreSQL); without it `serve` only checks.
    pub migration_database_url: Option<String>,
    /// Folder for what is not in the database: files, outbox of the file sink, key file, SQLite files.
    pub data_dir: PathBuf,
    /// The key file, mode 0600.
    pub key_file: PathBuf,
    /// Whether `key_file` was named rather than taken by default.
    pub key_file_named: bool,
    /// Connections of the pool (PostgreSQL) or of the readers (SQLite).
    pub database_connections: u32,
    /// Form of the log.
    pub log_format: LogFormat,
    /// Filter of the log, as `tracing` reads it.
    pub log_filter: String,
    /// SMTP server for mail; without it messages go to the folder `outbox` under the data folder.
    pub smtp_url: Option<String>,
    /// Sender of mail.
    pub mail_from: String,
    /// The gateway for SMS; without it messages to mobiles go to the folder `outbox` under the data folder.
    pub sms_gateway: Option<GatewayAt>,
    /// The gateway for push notices; without it there are none.
    pub push_gateway: Option<GatewayAt>,
    /// Seconds in which a gateway must answer.
    pub gateway_seconds: u64,
    /// Address of clamd, `host:port` or a socket path; without it files are marked NOT_SCANNED, which production must
    /// choose by the word `none`.
    pub clamd: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Seconds that a graceful stop may take.
    pub shutdown_seconds: u64,
    /// Connections that are served at once; others wait to be accepted.
    pub connections_max: usize,
    /// Seconds in which the headers of a request must come, also of the next one on a connection that is kept.
    pub header_seconds: u64,
    /// The S3-compatible store of files; without it they lie in a folder under the data folder.
    pub files: Option<Bucket>,
    /// Rules of the portal.
    pub settings: Settings,
}

/// A place in an S3-compatible store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Name of the bucket.
    pub name: String,
    /// Where in the bucket, without slashes at its ends; may be empty.
    pub prefix: String,
    /// Address of the store; by default that of AWS in the region.
    pub endpoint: Option<String>,
    /// Region by which requests are signed.
    pub region: String,
    /// Id of the access key.
    pub access_key: String,
    /// File that holds the secret of the access key, mode 0600.
    pub secret_file: PathBuf,
}

/// An HTTP gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayAt {
    /// Its address.
    pub url: String,
    /// File that holds the token by which it knows us, mode 0600.
    pub token_file: PathBuf,
}

/// Settings that services ask for.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own, on or off")]
pub struct Settings {
    /// Whether the portal serves real people.
    pub production: bool,
    /// Folder for what is not in the database.
    pub data_dir: PathBuf,
    /// Address of the front end, for links in messages.
    pub front_end_url: Option<String>,
    /// Address under which clients reach the portal, without a slash at its end; it stands in what is checked offline.
    pub public_url: String,
    /// Whether anonymous callers may read the schema through the API.
    pub introspection: bool,
    /// Bytes of a request body, uploads apart.
    pub request_body_max: usize,
    /// Requests per minute of one network, whoever they are from; 0: without bound.
    pub requests_per_network: u32,
    /// Requests per minute of one access token; 0: without bound.
    pub requests_per_session: u32,
    /// WebSockets of one address of which no session is known.
    pub sockets_per_address: usize,
    /// WebSockets of one access token.
    pub sockets_per_session: usize,
    /// Seconds after which a WebSocket of nobody is closed when it runs no operation.
    pub socket_idle_seconds: u64,
    /// Whether `/metrics` answers others than this machine.
    pub metrics_remote: bool,
    /// Whether the log tells the addresses of clients.
    pub log_addresses: bool,
    /// Bytes of one uploaded file.
    pub upload_max: u64,
    /// Memory of one argon2id hash in KiB.
    pub argon2_memory_kib: u32,
    /// Passes of one argon2id hash.
    pub argon2_passes: u32,
    /// Hashes that run at once.
    pub hash_workers: usize,
    /// Hashes that may wait.
    pub hash_queue: usize,
    /// Life of an access token in minutes.
    pub access_minutes: i64,
    /// Life of a refresh token in days.
    pub refresh_days: i64,
    /// Sign-in tries of one account or address before the wait begins.
    pub sign_in_burst: u32,
    /// Unmaskings of one officer per hour.
    pub reveals_per_hour: u32,
    /// Originals that one officer compares per hour.
    pub verifications_per_hour: u32,
    /// Working days in which acceptance must be answered (行政许可法 Art. 32: five).
    pub acceptance_days: u32,
    /// Working days that an applicant has to answer a notice of what is missing, where the officer sets no other number. A
    /// proposal; no rule was found.
    pub supplement_days: u32,
    /// Hour at UTC+8 after which what arrives counts from the next working day.
    pub office_hours_end: NaiveTime,
    /// Calendar days that a true date of receipt may lie back.
    pub receipt_backdate_days: i64,
    /// Whether a local folder for files is shared by all processes.
    pub shared_files: bool,
}

/// Where an option was found, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    File,
    Environment,
    Flag,
}

struct Found {
    text: String,
    source: Source,
}

/// Options that are known, for the check of misspelt names and for `--help`.
pub const OPTIONS: &[(&str, &str)] = &[
    ("listen", "address and port, 127.0.0.1:8080 by default"),
    ("database_url", "sqlite:… or postgres://…; by default an SQLite file in the data folder"),
    ("key_database_url", "store of person keys; by default beside the data store"),
    ("migration_database_url", "PostgreSQL URL of the role that may change the schema"),
    ("data_dir", "folder of the portal, ./data by default"),
    ("key_file", "key file, portal.keys in the data folder by default"),
    ("database_connections", "connections of the pool, 8 by default"),
    ("log_format", "text or json"),
    ("log_filter", "filter of the log, info by default"),
    ("log_addresses", "whether the log tells the addresses of clients, false by default"),
    ("smtp_url", "smtp://host:port or smtps://user:password@host"),
    ("mail_from", "sender of mail"),
    ("sms_gateway_url", "http(s) address that takes SMS as JSON by POST; without it messages to mobiles are files"),
    ("sms_gateway_token_file", "file (mode 0600) with the bearer token of that gateway"),
    ("push_gateway_url", "http(s) address that takes push notices as JSON by POST; without it none are sent"),
    ("push_gateway_token_file", "file (mode 0600) with the bearer token of that gateway"),
    ("gateway_seconds", "seconds in which a gateway must answer, 10 by default"),
    ("clamd", "host:port or socket of clamd, or none, by which files stay NOT_SCANNED"),
    ("trusted_proxies", "addresses of proxies, by comma"),
    ("shutdown_seconds", "seconds of a graceful stop, 25 by default"),
    ("connections_max", "connections served at once, 4096 by default"),
    ("header_seconds", "seconds in which the headers of a request must come, 10 by default"),
    ("requests_per_network", "requests per minute of one network (an IPv4 address, an IPv6 /64), 12000 by default, 0 without bound"),
    ("requests_per_session", "requests per minute of one session, 1200 by default, 0 without bound"),
    ("sockets_per_address", "WebSockets of one address that are not signed in, 16 by default"),
    ("sockets_per_session", "WebSockets of one session, 16 by default"),
    ("socket_idle_seconds", "seconds after which an idle WebSocket that is not signed in is closed, 60 by default"),
    ("metrics_remote", "whether /metrics answers others than this machine, false by default"),
    ("production", "true or false"),
    ("front_end_url", "address of the front end, for links in messages"),
    ("public_url", "address under which clients reach the portal, for the status list of cards; http:// and listen by default"),
    ("introspection", "whether anonymous callers may read the schema; by default not in production"),
    ("request_body_max", "bytes of a request body, 1048576 by default"),
    ("upload_max", "bytes of a file, 20971520 by default"),
    ("argon2_memory_kib", "memory of a password hash, 19456 by default"),
    ("argon2_passes", "passes of a password hash, 2 by default"),
    ("hash_workers", "password hashes at once, 1 by default"),
    ("hash_queue", "password hashes that may wait, 64 by default"),
    ("access_minutes", "life of an access token, 15 by default"),
    ("refresh_days", "life of a refresh token, 30 by default"),
    ("sign_in_burst", "sign-in tries before the wait begins, 5 by default"),
    ("reveals_per_hour", "unmaskings of one officer per hour, 60 by default"),
    ("verifications_per_hour", "originals that one officer compares per hour, 60 by default"),
    ("acceptance_days", "working days to answer acceptance, 5 by default"),
    ("supplement_days", "working days to answer a notice of what is missing, 15 by default"),
    ("office_hours_end", "HH:MM at UTC+8 after which the next working day counts, 17:00 by default"),
    ("receipt_backdate_days", "days that a true date of receipt may lie back, 30 by default"),
    ("shared_files", "whether the local folder of files is shared by all processes"),
    ("files_url", "s3://bucket/prefix of an S3-compatible store for files; by default a folder in the data folder"),
    ("files_endpoint", "http(s)://host:port of that store; by default AWS in the region"),
    ("files_region", "region of that store, us-east-1 by default"),
    ("files_access_key", "id of the access key to that store"),
    ("files_secret_file", "file (mode 0600) with the secret of that access key"),
];

/// Layers of options, from which a [`Config`] is made.
#[derive(Default)]
pub struct Layers {
    found: BTreeMap<String, Found>,
    problems: Vec<String>,
}

impl std::fmt::Debug for Layers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        f.debug_list().entries(self.found.keys()).finish()
    }
}

impl Layers {
    /// Reads the text of a TOML file.
    pub fn file(&mut self, text: &str) {
        match text.parse::<toml::Table>() {
            Err(error) => self.problems.push(format!("the configuration file is not TOML: {}", error.message())),
            Ok(table) => {
                for (name, value) in table {
                    let text = match value {
                        toml::Value::String(s) => s,
                        toml::Value::Array(list) => list.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect::<Vec<_>>().join(","),
                        other => other.to_string(),
                    };
                    self.put(&name, text, Source::File);
                }
            }
        }
    }

    /// Reads variables whose names begin with `PORTAL_`.
    pub fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        for (name, value) in variables {
            // The file itself and the switches of the tests are read elsewhere.
            if let Some(option) = name.strip_prefix("PORTAL_").filter(|o| *o != "CONFIG" && !o.starts_with("TEST_")) {
                self.put(&option.to_ascii_lowercase(), value, Source::Environment);
            }
        }
    }

    /// An option from the command line.
    pub fn flag(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.put(name, value, Source::Flag);
        }
    }

    fn put(&mut self, name: &str, text: String, source: Source) {
        if OPTIONS.iter().any(|(known, _)| *known == name) {
            self.found.insert(name.to_owned(), Found { text, source });
        } else {
            self.problems.push(format!("{}: there is no such option", told(name, source)));
        }
    }

    fn get<T>(&mut self, name: &str, default: T, read: impl Fn(&str) -> Result<T, String>) -> T {
        let Some(found) = self.found.get(name) else { return default };
        match read(found.text.trim()) {
            Ok(value) => value,
            Err(problem) => {
                self.problems.push(format!("{}: {problem}", told(name, found.source)));
                default
            }
        }
    }

    fn number<T: FromStr + PartialOrd + std::fmt::Display + Copy>(&mut self, name: &str, default: T, least: T, most: T) -> T {
        self.get(name, default, |text| {
            let value: T = text.parse().map_err(|_| "not a whole number".to_owned())?;
            if value < least || value > most { Err(format!("must be between {least} and {most}")) } else { Ok(value) }
        })
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.get(name, None, |text| if text.is_empty() { Err("is empty".into()) } else { Ok(Some(text.to_owned())) })
    }

    fn yes(&mut self, name: &str, default: bool) -> bool {
        self.get(name, default, |text| text.parse().map_err(|_| "must be true or false".to_owned()))
    }

    /// The store of files. None of its options may stand without `files_url`, nor some of them be left out.
    fn bucket(&mut self, shared_files: bool) -> Option<Bucket> {
        let place = self.get("files_url", None, |text| {
            let rest = text.strip_prefix("s3://").ok_or("must begin with s3://")?;
            let (name, prefix) = rest.trim_end_matches('/').split_once('/').unwrap_or((rest.trim_end_matches('/'), ""));
            let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) && !text.contains("..");
            if plain(name) && (prefix.is_empty() || prefix.split('/').all(plain)) {
                Ok(Some((name.to_owned(), prefix.to_owned())))
            } else {
                Err("must be s3://bucket or s3://bucket/prefix, of letters, digits, hyphens, points and underscores".into())
            }
        });
        let endpoint = self.get("files_endpoint", None, |text| {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
            // What else a URL can hold, above all a password, would end in the log.
            if host.is_empty() || host.contains(['/', '?', '#', '@']) {
                Err("must be http://host:port or https://host:port".into())
            } else {
                Ok(Some(text.to_owned()))
            }
        });
        let region = self.text("files_region");
        let (access_key, secret_file) = (self.text("files_access_key"), self.text("files_secret_file"));
        if !self.found.contains_key("files_url") {
            for name in ["files_endpoint", "files_region", "files_access_key", "files_secret_file"] {
                if let Some(found) = self.found.get(name) {
                    self.problems.push(format!("{}: is of no use without files_url", told(name, found.source)));
                }
            }
            return None;
        }
        for name in ["files_access_key", "files_secret_file"] {
            if !self.found.contains_key(name) {
                self.problems.push(format!("{name}: files_url needs it"));
            }
        }
        if shared_files {
            self.problems.push("shared_files: is for a folder, and files_url names a store instead".into());
        }
        let (name, prefix) = place?;
        let region = region.unwrap_or_else(|| "us-east-1".into());
        Some(Bucket { name, prefix, endpoint, region, access_key: access_key?, secret_file: secret_file?.into() })
    }

    /// A gateway: address and token together, or neither.
    fn gateway(&mut self, [address, token]: [&'static str; 2], production: bool) -> Option<GatewayAt> {
        let url = self.get(address, None, |text| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
            if production && text.starts_with("http://") {
                Err("must begin with https:// in production: a token goes there".into())
            // What else a URL can hold, above all a password, would end in the log.
            } else if rest.is_empty() || rest.contains(['?', '#', '@']) || rest.starts_with('/') {
                Err("must be http(s)://host:port/path, without user, query and fragment".into())
            } else {
                Ok(Some(text.to_owned()))
            }
        });
        let token_file = self.text(token);
        for (one, other) in [(address, token), (token, address)] {
            if let (Some(found), false) = (self.found.get(one), self.found.contains_key(other)) {
                self.problems.push(format!("{}: needs {other} beside it", told(one, found.source)));
            }
        }
        Some(GatewayAt { url: url?, token_file: token_file?.into() })
    }

    /// The configuration, or every problem in one plain sentence each.
    pub fn build(mut self) -> Result<Config, Vec<String>> {
        let production = self.yes("production", false);
        let data_dir = PathBuf::from(self.text("data_dir").unwrap_or_else(|| "./data".into()));
        let database_url = self.get("database_url", format!("sqlite://{}", data_dir.join("portal.db").display()), |text| {
            if text.starts_with("sqlite:") || text.starts_with("postgres://") || text.starts_with("postgresql://") {
                Ok(text.to_owned())
            } else {
                Err("must begin with sqlite: or postgres://".into())
            }
        });
        let key_file = self.text("key_file").map(PathBuf::from);
        let listen = self.get("listen", SocketAddr::from(([127, 0, 0, 1], 8080)), |text| text.parse().map_err(|_| "must be an address and a port".to_owned()));
        let settings = Settings {
            production,
            data_dir: data_dir.clone(),
            front_end_url: self.text("front_end_url"),
            public_url: self.get("public_url", format!("http://{listen}"), |text| {
                let fits = text.starts_with("https://") || text.starts_with("http://");
                if fits && !text.contains(['?', '#', '@', ' ']) {
                    Ok(text.trim_end_matches('/').to_owned())
                } else {
                    Err("must begin with https:// or http:// and hold neither query nor password".to_owned())
                }
            }),
            introspection: self.yes("introspection", !production),
            request_body_max: self.number("request_body_max", 1 << 20, 1 << 10, 16 << 20),
            requests_per_network: self.number("requests_per_network", 12_000, 0, 10_000_000),
            requests_per_session: self.number("requests_per_session", 1_200, 0, 10_000_000),
            sockets_per_address: self.number("sockets_per_address", 16, 1, 10_000),
            sockets_per_session: self.number("sockets_per_session", 16, 1, 1_000),
            socket_idle_seconds: self.number("socket_idle_seconds", 60, 1, 3_600),
            metrics_remote: self.yes("metrics_remote", false),
            log_addresses: self.yes("log_addresses", false),
            // More than 2 GiB would not fit the Int by which the API tells sizes.
            upload_max: self.number("upload_max", 20 << 20, 1 << 10, 1 << 30),
            argon2_memory_kib: self.number("argon2_memory_kib", 19_456, 8, 1 << 20),
            argon2_passes: self.number("argon2_passes", 2, 1, 16),
            hash_workers: self.number("hash_workers", 1, 1, 64),
            hash_queue: self.number("hash_queue", 64, 1, 4096),
            access_minutes: self.number("access_minutes", 15, 1, 120),
            refresh_days: self.number("refresh_days", 30, 1, 90),
            sign_in_burst: self.number("sign_in_burst", 5, 1, 100),
            reveals_per_hour: self.number("reveals_per_hour", 60, 1, 10_000),
            verifications_per_hour: self.number("verifications_per_hour", 60, 1, 3600),
            acceptance_days: self.number("acceptance_days", 5, 1, 60),
            supplement_days: self.number("supplement_days", 15, 1, 60),
            office_hours_end: self.get("office_hours_end", NaiveTime::from_hms_opt(17, 0, 0).unwrap_or_default(), |text| {
                NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| "must be HH:MM".to_owned())
            }),
            receipt_backdate_days: self.number("receipt_backdate_days", 30, 0, 365),
            shared_files: self.yes("shared_files", false),
        };
        let config = Config {
            listen,
            database_url,
            key_database_url: self.text("key_database_url"),
            migration_database_url: self.text("migration_database_url"),
            key_file_named: key_file.is_some(),
            key_file: key_file.unwrap_or_else(|| data_dir.join("portal.keys")),
            data_dir,
            database_connections: self.number("database_connections", 8, 2, 200),
            log_format: self.get("log_format", LogFormat::Text, |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("must be text or json".into()),
            }),
            log_filter: self.text("log_filter").unwrap_or_else(|| "info".into()),
            smtp_url: self.text("smtp_url"),
            mail_from: self.text("mail_from").unwrap_or_else(|| "portal@localhost".into()),
            sms_gateway: self.gateway(["sms_gateway_url", "sms_gateway_token_file"], production),
            push_gateway: self.gateway(["push_gateway_url", "push_gateway_token_file"], production),
            gateway_seconds: self.number("gateway_seconds", 10, 1, 60),
            clamd: self.text("clamd").filter(|address| address != "none"),
            trusted_proxies: self.get("trusted_proxies", Vec::new(), |text| {
                text.split(',').map(|a| a.trim().parse().map_err(|_| format!("'{}' is not an address", a.trim()))).collect()
            }),
            shutdown_seconds: self.number("shutdown_seconds", 25, 1, 300),
            connections_max: self.number("connections_max", 4_096, 1, 1_000_000),
            header_seconds: self.number("header_seconds", 10, 1, 120),
            files: self.bucket(settings.shared_files),
            settings,
        };
        if production && !config.key_file_named {
            self.problems.push("key_file: production must name a key file".into());
        }
        if production && config.clamd.is_none() && !self.found.contains_key("clamd") {
            self.problems.push("clamd: production must name a scanner, or none".into());
        }
        if self.problems.is_empty() { Ok(config) } else { Err(self.problems) }
    }
}

/// An option as the person who set it wrote it.
fn told(name: &str, source: Source) -> String {
    match source {
        Source::File => format!("{name} in the configuration file"),
        Source::Environment => format!("PORTAL_{}", name.to_ascii_uppercase()),
        Source::Flag => format!("--{}", name.replace('_', "-")),
    }
}

/// Reads file, environment and flags.
///
/// `flags` are names of options with the value given on the command line, if any. The error lists every problem.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn load(file: Option<PathBuf>, flags: Vec<(&'static str, Option<String>)>) -> Result<Config, Vec<String>> {
    let mut layers = Layers::default();
    if let Some(path) = file.or_else(|| std::env::var("PORTAL_CONFIG").ok().map(PathBuf::from)) {
        match std::fs::read_to_string(&path) {
            Ok(text) => layers.file(&text),
            Err(error) => layers.problems.push(format!("{}: {error}", path.display())),
        }
    }
    layers.environment(std::env::vars());
    for (name, value) in flags {
        layers.flag(name, value);
    }
    layers.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once_with_its_place() {
        let mut layers = Layers::default();
        layers.file("listn = \"x\"\naccess_minutes = 900\n");
        layers.environment([("PORTAL_LISTEN".into(), "nowhere".into()), ("PORTAL_TEST_X".into(), "1".into()), ("HOME".into(), "/".into())].into_iter());
        layers.flag("database_url", Some("mysql://x".into()));
        layers.flag("production", Some("true".into()));
        assert_eq!(
            layers.build().unwrap_err(),
            [
                "listn in the configuration file: there is no such option",
                "--database-url: must begin with sqlite: or postgres://",
                "PORTAL_LISTEN: must be an address and a port",
                "access_minutes in the configuration file: must be between 1 and 120",
                "key_file: production must name a key file",
                "clamd: production must name a scanner, or none",
            ]
        );
    }

    #[test]
    fn a_store_of_files_is_told_wholly_or_not_at_all() {
        let build = |options: &[(&str, &str)]| {
            let mut layers = Layers::default();
            for (name, value) in options {
                layers.flag(name, Some((*value).to_owned()));
            }
            layers.build().map(|config| config.files)
        };
        assert_eq!(build(&[]), Ok(None));
        let whole = [("files_url", "s3://portal-files/gba/1/"), ("files_access_key", "AK"), ("files_secret_file", "/run/secret")];
        let bucket = Bucket {
            name: "portal-files".into(),
            prefix: "gba/1".into(),
            endpoint: None,
            region: "us-east-1".into(),
            access_key: "AK".into(),
            secret_file: "/run/secret".into(),
        };
        assert_eq!(build(&whole), Ok(Some(bucket)));
        assert_eq!(
            build(&[("files_endpoint", "https://user:canary@host"), ("files_region", "x"), ("files_access_key", "AK")]).unwrap_err(),
            [
                "--files-endpoint: must be http://host:port or https://host:port",
                "--files-endpoint: is of no use without files_url",
                "--files-region: is of no use without files_url",
                "--files-access-key: is of no use without files_url",
            ]
        );
        assert_eq!(
            build(&[("files_url", "s3://b/../x"), ("files_secret_file", ""), ("shared_files", "true")]).unwrap_err(),
            [
                "--files-url: must be s3://bucket or s3://bucket/prefix, of letters, digits, hyphens, points and underscores",
                "--files-secret-file: is empty",
                "files_access_key: files_url needs it",
                "shared_files: is for a folder, and files_url names a store instead",
            ]
        );
    }

    #[test]
    fn a_gateway_has_an_address_without_secrets_and_a_token_in_a_file() {
        let build = |options: &[(&str, &str)]| {
            let mut layers = Layers::default();
            for (name, value) in options {
                layers.flag(name, Some((*value).to_owned()));
            }
            layers.build().map(|config| config.sms_gateway)
        };
        let at = |url: &str| [("sms_gateway_url", url.to_owned()), ("sms_gateway_token_file", "/run/token".to_owned())];
        let of = |url: &str| build(&at(url).each_ref().map(|(name, value)| (*name, value.as_str())));
        assert_eq!(build(&[]), Ok(None));
        let known = GatewayAt { url: "https://sms.example/v1/send".into(), token_file: "/run/token".into() };
        assert_eq!(of("https://sms.example/v1/send"), Ok(Some(known)));
        assert!(of("http://127.0.0.1:9000").is_ok());
        for url in ["https://user:canary@host/", "https://host/?key=canary", "https:///x", "ftp://host", "https://"] {
            let problems = of(url).unwrap_err();
            assert_eq!(problems, ["--sms-gateway-url: must be http(s)://host:port/path, without user, query and fragment"], "{url}");
        }
        assert_eq!(build(&[("sms_gateway_url", "https://host/")]).unwrap_err(), ["--sms-gateway-url: needs sms_gateway_token_file beside it"]);
        assert_eq!(build(&[("sms_gateway_token_file", "/x")]).unwrap_err(), ["--sms-gateway-token-file: needs sms_gateway_url beside it"]);
        let mut production = Layers::default();
        for (name, value) in
            [("production", "true"), ("key_file", "/keys"), ("clamd", "none")].into_iter().chain(at("http://host").each_ref().map(|(n, v)| (*n, v.as_str())))
        {
            production.flag(name, Some(value.to_owned()));
        }
        assert_eq!(production.build().unwrap_err(), ["--sms-gateway-url: must begin with https:// in production: a token goes there"]);
    }

    #[test]
    fn production_chooses_a_scanner_or_none() {
        let build = |clamd: Option<&str>| {
            let mut layers = Layers::default();
            for (name, value) in [("production", Some("true")), ("key_file", Some("/keys")), ("clamd", clamd)] {
                layers.flag(name, value.map(str::to_owned));
            }
            layers.build().map(|config| config.clamd)
        };
        assert_eq!(build(None).unwrap_err(), ["clamd: production must name a scanner, or none"]);
        assert_eq!(build(Some("")).unwrap_err(), ["--clamd: is empty"]);
        assert_eq!(build(Some("none")), Ok(None));
        assert_eq!(build(Some("127.0.0.1:3310")), Ok(Some("127.0.0.1:3310".to_owned())));
    }

    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
        let mut layers = Layers::default();
        layers.file("hash_queue = 7\naccess_minutes = 8\nupload_max = 5000\ntrusted_proxies = [\"10.0.0.1\", \"::1\"]");
        layers.environment([("PORTAL_HASH_QUEUE".into(), "9".into()), ("PORTAL_ACCESS_MINUTES".into(), "10".into())].into_iter());
        layers.flag("access_minutes", Some("11".into()));
        let config = layers.build().unwrap();
        assert_eq!((config.settings.upload_max, config.settings.hash_queue, config.settings.access_minutes), (5000, 9, 11));
        assert_eq!(config.trusted_proxies.len(), 2);
    }
}
