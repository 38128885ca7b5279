//! Which passwords are taken. Length counts most (NIST SP 800-63B-4: 15 characters where there is no second factor).

use unicode_normalization::UnicodeNormalization as _;

use crate::kernel::rejection::{Code, Rejection};

/// Fewest characters.
pub const MIN: usize = 15;
/// Most characters.
pub const MAX: usize = 128;

/// Words that stand in common passwords; what is left beside them must be long enough by itself.
const COMMON: [&str; 26] = [
    "password",
    "passwort",
    "passw0rd",
    "welcome",
    "letmein",
    "iloveyou",
    "admin",
    "administrator",
    "login",
    "guest",
    "master",
    "dragon",
    "monkey",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "secret",
    "changeme",
    "talent",
    "portal",
    "guangdong",
    "shenzhen",
    "密码",
    "人才",
];
/// Runs of keys and of digits and letters in order.
const RUNS: [&str; 6] = ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv"];
/// Characters that must be left beside common words and runs.
const LEFT: usize = 8;

/// The form of a password that is hashed: NFKC (NIST SP 800-63B-4 3.1.1.2), so that a keyboard that composes its letters
/// and one that does not, or one of full width, type the same.
pub fn normalise(password: &str) -> String {
    password.nfkc().collect()
}

/// Judges a new password. `context` are names and contact points that it must not hold.
pub fn check(password: &str, context: &[&str], path: &str) -> Vec<Rejection> {
    let password = normalise(password);
    let count = password.chars().count();
    let mut problems = Vec::new();
    if count < MIN {
        problems.push(Rejection::at(Code::TooShort, path).number("min", 15));
    }
    if count > MAX {
        problems.push(Rejection::at(Code::TooLong, path).number("max", 128));
    }
    if problems.is_empty() && is_weak(&password.to_lowercase(), context) {
        problems.push(Rejection::at(Code::PasswordWeak, path));
    }
    problems
}

fn is_weak(password: &str, context: &[&str]) -> bool {
    let characters: Vec<char> = password.chars().collect();
    let mut distinct = characters.clone();
    distinct.sort_unstable();
    distinct.dedup();
    // One short piece over and over has no more in it than the piece.
    let repeats = (1..=characters.len() / 2).any(|piece| characters.iter().zip(&characters[piece..]).all(|(a, b)| a == b));
    let named = context.iter().flat_map(|c| words(c)).any(|word| password.contains(&word));
    distinct.len() < 5 || repeats || named || rest(password).chars().count() < LEFT
}

/// The parts of a name or contact point that are long enough to be looked for.
fn words(context: &str) -> Vec<String> {
    let lower = context.to_lowercase();
    lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= if word.is_ascii() { 4 } else { 2 })
        .map(str::to_owned)
        .chain(lower.strip_prefix("+86").map(str::to_owned))
        .filter(|word| word != "example")
        .collect()
}

/// What is left of a password without common words and without runs of at least four.
fn rest(password: &str) -> String {
    let mut rest: String = password
        .chars()
        .map(|c| match c {
            '@' => 'a',
            '$' => 's',
            other => other,
        })
        .collect();
    for word in COMMON {
        rest = rest.replace(word, "");
    }
    for run in RUNS {
        let backwards: String = run.chars().rev().collect();
        for line in [run, backwards.as_str()] {
            for length in (4..=line.len()).rev() {
                for start in 0..=line.len() - length {
                    rest = rest.replace(&line[start..start + length], "");
                }
            }
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(password: &str) -> Vec<Code> {
        check(password, &["李 Wong Siu", "+8613800138000", "siuwong@mail.example"], "input.password").iter().map(|r| r.code).collect()
    }

    #[test]
    fn length_is_counted_in_characters_from_15_to_128() {
        assert_eq!(codes("correct-horse1"), [Code::TooShort]);
        assert_eq!(codes("correct-horse-1"), []);
        let long: String = ('a'..='z').cycle().step_by(7).take(128).enumerate().map(|(i, c)| if i % 3 == 0 { '-' } else { c }).collect();
        assert_eq!(codes(&format!("{}x", &long[..127])), []);
        assert_eq!(codes(&format!("{long}x")), [Code::TooLong]);
        assert_eq!(codes(&"x".repeat(1025)), [Code::TooLong]);
        assert_eq!(codes("龙门阵里说海天一色风平浪静好"), [Code::TooShort]);
        assert_eq!(codes("龙门阵里说海天一色风平浪静好啊"), []);
    }

    #[test]
    fn common_repeated_running_and_personal_passwords_are_weak() {
        for password in [
            "Password123456789",
            "P@ssword12345678",
            "密码密码密码密码密码密码密码密码",
            "aaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "qwertyuiopasdfghjkl",
            "9876543210987654321",
            "talentportal2026!",
            "my-siuwong-is-here",
            "call13800138000now",
            "Ｐａｓｓｗｏｒｄ１２３４５６７８９",
        ] {
            assert_eq!(codes(password), [Code::PasswordWeak], "{password}");
        }
    }
}
