//! Letters by SMTP, to a server of the test: one for each row of the outbox, under its id, however often it is tried.

use std::sync::{Arc, Mutex};

use chrono::Duration;
use serde_json::json;
use talent_portal::audit::service::work_off;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::account::{PAIR, PASSWORD, mutate, text};
use crate::support::search::{Haystack, Log};
use crate::support::{TestApp, both_engines};

both_engines!(a_letter_goes_out_by_smtp_once_with_its_message_id, a_letter_that_failed_is_sent_again_under_its_message_id);

/// What the server does with a letter that it has read.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Takes,
    /// Takes it, and is gone before it says so.
    Gone,
    /// Says no for now, in words with the address.
    Later,
}

/// A mail server, until dropped: the letters that it read.
pub(crate) struct Sink {
    pub(crate) url: String,
    letters: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sink {
    /// One that answers so to the first letters, and takes those after.
    pub(crate) async fn start(answers: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let letters = Arc::new(Mutex::new(Vec::new()));
        let read = letters.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let _gone = converse(stream, answers, &read).await;
            }
        });
        Self { url, letters, task }
    }

    pub(crate) fn letters(&self) -> Vec<String> {
        self.letters.lock().unwrap().clone()
    }
}

/// One connection to its end.
async fn converse(stream: TcpStream, answers: &[Answer], letters: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut letter, mut to): (Option<String>, String) = (None, String::new());
    write.write_all(b"220 sink\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        if let Some(begun) = &mut letter {
            if line != "." {
                begun.push_str(&line);
                begun.push('\n');
                continue;
            }
            let number = {
                let mut letters = letters.lock().unwrap();
                letters.extend(letter.take());
                letters.len() - 1
            };
            match answers.get(number).unwrap_or(&Answer::Takes) {
                Answer::Takes => write.write_all(b"250 taken\r\n").await?,
                Answer::Gone => return Ok(()),
                Answer::Later => write.write_all(format!("451 4.3.0 {to} try again\r\n").as_bytes()).await?,
            }
            continue;
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        if verb == "RCPT" {
            line.clone_into(&mut to);
        }
        let answer = match verb.as_str() {
            "DATA" => {
                letter = Some(String::new());
                "354 go on\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 fine\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// The value of a header of a letter.
pub(crate) fn header<'a>(letter: &'a str, name: &str) -> &'a str {
    let lines: Vec<_> = letter.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": ")).filter(|(n, _)| *n == name).collect();
    assert_eq!(lines.len(), 1, "{name} in {letter}");
    lines[0].1
}

/// Asks for a code by mail; gives the challenge.
async fn ask(app: &TestApp, contact: &str) -> String {
    text(&mutate(app, None, "startSignUp", "challenge { id }", json!({ "contact": contact, "language": "EN" })).await["challenge"]["id"])
}

/// The six digits in a letter.
fn digits(letter: &str) -> String {
    let body = letter.split_once("\n\n").expect("a body").1;
    body.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6).unwrap_or_else(|| panic!("no code: {letter}")).to_owned()
}

async fn a_letter_goes_out_by_smtp_once_with_its_message_id(app: TestApp) {
    let sink = Sink::start(&[]).await;
    let app = app.configured(|config| (config.smtp_url, config.mail_from) = (Some(sink.url.clone()), "Portal <portal@portal.example>".into()));
    let challenge = ask(&app, "one@example.com").await;
    assert!(app.mailbox().await.is_empty(), "what goes out by SMTP is no file");
    let letters = sink.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(header(&letters[0], "To"), "one@example.com");
    assert!(header(&letters[0], "From").ends_with("<portal@portal.example>"), "{}", letters[0]);
    let id = header(&letters[0], "Message-ID");
    assert!(id.starts_with("<outbox_") && id.ends_with("@portal.example>"), "{id}");
    // Worked off once, whatever time goes by.
    app.advance(Duration::minutes(9));
    assert_eq!(work_off(app.portal()).await.unwrap(), 0);
    assert_eq!(sink.letters().len(), 1);
    let input = json!({ "challengeId": challenge, "code": digits(&letters[0]), "password": PASSWORD, "nameZh": "陈大文" });
    assert!(mutate(&app, None, "completeSignUp", PAIR, input).await["session"].is_object());
    // Another letter has another id; one to a mobile goes by no mail.
    ask(&app, "two@example.com").await;
    ask(&app, "138 0013 8000").await;
    assert_eq!(app.mailbox().await.iter().map(|letter| text(&letter["to"])).collect::<Vec<_>>(), ["+8613800138000"]);
    let letters = sink.letters();
    assert_eq!((letters.len(), header(&letters[1], "To")), (2, "two@example.com"));
    assert_ne!(header(&letters[1], "Message-ID"), id);
}

async fn a_letter_that_failed_is_sent_again_under_its_message_id(app: TestApp) {
    let log = Log::begin();
    let sink = Sink::start(&[Answer::Gone, Answer::Later]).await;
    let app = app.configured(|config| config.smtp_url = Some(sink.url.clone()));
    let challenge = ask(&app, "canary@example.com").await;
    let sent = async || {
        while work_off(app.portal()).await.unwrap() > 0 {}
        sink.letters().len()
    };
    assert_eq!(sent().await, 1);
    app.advance(Duration::seconds(5));
    assert_eq!(sent().await, 2);
    assert_eq!(sent().await, 2);
    app.advance(Duration::seconds(10));
    assert_eq!(sent().await, 3);
    app.advance(Duration::minutes(5));
    assert_eq!(sent().await, 3);
    let letters = sink.letters();
    let ids: Vec<_> = letters.iter().map(|letter| header(letter, "Message-ID")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(letters.iter().all(|letter| digits(letter) == digits(&letters[0])));
    let input = json!({ "challengeId": challenge, "code": digits(&letters[2]), "password": PASSWORD, "nameZh": "陈大文" });
    assert!(mutate(&app, None, "completeSignUp", PAIR, input).await["session"].is_object());
    // A server that cannot be reached is no other case.
    sink.task.abort();
    ask(&app, "canary@example.net").await;
    assert_eq!(sent().await, 3);
    let log = Haystack::new(&log.end());
    assert!(log.holds(b"the mail server answered 451") && log.holds(b"will be tried again"));
    assert!(!log.holds(b"canary"), "the log holds an address");
}
