//! Limits on tries: a burst, then one more per interval, counted by hash in the database.
//!
//! The state of one limit is one instant, the "theoretical arrival time" of the generic cell rate algorithm: a try
//! is allowed while that instant lies at most (burst − 1) intervals ahead, and moves it one interval on.

/// Burst and refill of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tries that are allowed at once.
    pub burst: u32,
    /// Seconds until one more is allowed.
    pub refill_seconds: u32,
}

impl Rate {
    /// Burst and refill.
    pub const fn new(burst: u32, refill_seconds: u32) -> Self {
        Self { burst, refill_seconds }
    }

    /// Milliseconds by which one try moves the arrival time on.
    pub const fn interval_ms(self) -> i64 {
        self.refill_seconds as i64 * 1000
    }

    /// Milliseconds by which the arrival time may be ahead of now after a try.
    pub const fn window_ms(self) -> i64 {
        self.interval_ms() * self.burst as i64
    }

    /// Seconds to wait until a try is allowed, given the stored arrival time (milliseconds since 1970).
    pub fn wait_seconds(self, arrival_ms: i64, now_ms: i64) -> u64 {
        let ahead = arrival_ms + self.interval_ms() - self.window_ms() - now_ms;
        u64::try_from(ahead).unwrap_or(0).div_ceil(1000)
    }
}

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// A password, at sign-in.
    SignIn,
    /// A code asked for, at sign-up, recovery or for a new contact point.
    CodeRequest,
    /// A code, one-time token or challenge shown.
    CodeEntry,
}

impl Attempt {
    /// Name inside the hashed key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::CodeRequest => "code-request",
            Self::CodeEntry => "code-entry",
        }
    }
}

/// The limits of one kind of try, from the narrowest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Per contact point (known or not) or challenge, from one neighbourhood of the network.
    pub here: Rate,
    /// Per contact point from everywhere; it does not hold where its account has signed in lately.
    pub anywhere: Option<Rate>,
    /// Per network address.
    pub network: Rate,
    /// For all together: beyond it an alarm is raised, nobody is refused.
    pub alarm: Option<Rate>,
}

/// The limits of all kinds of tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Passwords.
    pub sign_in: Rates,
    /// Codes asked for.
    pub code_request: Rates,
    /// Codes shown.
    pub code_entry: Rates,
}

/// The alarm about all tries together is raised once a minute.
pub const ALARM_AGAIN: Rate = Rate::new(1, 60);

impl Limits {
    /// Limits around the tries for one account from one place that are allowed at once. A person mistypes a few times, a
    /// stranger guesses for years; a window hall behind one address still signs in. What a stranger uses up from elsewhere
    /// is not missing to the owner: she has tries of her own where she is, and the wide limit (a hundred passwords, twenty
    /// codes an hour with the usual burst of five) does not hold where she has signed in lately.
    pub const fn with_burst(burst: u32) -> Self {
        let tries = Rates {
            here: Rate::new(burst, 60),
            anywhere: Some(Rate::new(burst.saturating_mul(20), 36)),
            network: Rate::new(burst.saturating_mul(12), 2),
            alarm: Some(Rate::new(burst.saturating_mul(600), 1)),
        };
        Self {
            code_request: Rates { here: Rate::new(burst, 600), anywhere: Some(Rate::new(burst.saturating_mul(4), 180)), ..tries },
            // A challenge is known to who asked for it, and dies by itself after a few tries.
            code_entry: Rates { anywhere: None, alarm: None, ..tries },
            sign_in: tries,
        }
    }

    /// The limits of one kind of try.
    pub const fn of(&self, attempt: Attempt) -> Rates {
        match attempt {
            Attempt::SignIn => self.sign_in,
            Attempt::CodeRequest => self.code_request,
            Attempt::CodeEntry => self.code_entry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_what_is_missing_until_one_more_try_fits() {
        let rate = Rate::new(3, 60);
        // Three tries at instant 0 moved the arrival time to 180 s; one more fits when it is at most 120 s ahead.
        assert_eq!(rate.wait_seconds(180_000, 0), 60);
        assert_eq!(rate.wait_seconds(180_000, 59_001), 1);
        assert_eq!(rate.wait_seconds(180_000, 60_000), 0);
        assert_eq!(rate.wait_seconds(0, 60_000), 0);
    }
}
