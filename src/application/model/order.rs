//! The order (cart): what is asked for, line by line, before it becomes cases.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::application::model::rights::Side;
use crate::catalogue::model::bundle::talent_class;
use crate::catalogue::model::offering::Channel;
use crate::coded_enum;
use crate::kernel::ids::{ApplicationId, DocumentVersionId, ItemId, MandateId, OrderId, PersonId};
use crate::kernel::rejection::{Code, Rejection};
use crate::organisation::model::reference::{listed_region, listed_zone};

coded_enum! {
    /// Where an order stands.
    pub enum OrderState {
        /// Being filled.
        Cart => "CART",
        /// Handed in; its lines are cases.
        Submitted => "SUBMITTED",
    }
}

coded_enum! {
    /// What stands for a material of a case.
    pub enum MaterialBasis {
        /// A document that was handed in.
        Document => "DOCUMENT",
        /// What an authority shares, so that nobody need bring it.
        Shared => "SHARED",
        /// A signed undertaking (告知承诺) in its stead.
        Undertaking => "UNDERTAKING",
    }
}

/// Most characters of a reason.
pub const MAX_REASON: usize = 2_000;
/// Most lines of a cart.
pub const MAX_LINES: usize = 20;
/// Most open carts of one filler: those that hold a line, and those touched within a day.
pub const MAX_OPEN_CARTS: i64 = 20;
/// Most bytes of the answers of one form.
pub const MAX_ANSWERS: usize = 64 * 1024;

/// Saves a cart: made new, or its lines replaced.
#[derive(Clone, Debug, Serialize)]
pub struct SaveCart {
    /// The cart to change; `None` makes one.
    pub order: Option<OrderId>,
    /// Its version, when it is changed.
    pub expected_version: Option<i64>,
    /// For whom, when an officer or an agent fills the cart.
    pub applicant: Option<PersonId>,
    /// The mandate under which an agent acts.
    pub mandate: Option<MandateId>,
    /// How it comes in.
    pub channel: Channel,
    /// The lines.
    pub lines: Vec<Line>,
}

/// One line of a cart.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The draft to keep; `None` makes one.
    pub application: Option<ApplicationId>,
    /// The service item.
    pub item: ItemId,
    /// Region in which it is asked for (GB/T 2260).
    pub region: Option<String>,
    /// Zone.
    pub zone: Option<String>,
    /// Talent category.
    pub category: Option<String>,
    /// Answers of the form, possibly not complete yet.
    pub answers: Value,
    /// Document versions by key of the material.
    pub materials: Vec<(String, DocumentVersionId)>,
    /// Persons for whom it is, besides the applicant.
    pub beneficiaries: Vec<PersonId>,
}

/// Hands a cart in.
#[derive(Clone, Debug, Serialize)]
pub struct SubmitCart {
    /// The cart.
    pub order: OrderId,
    /// Its version.
    pub expected_version: i64,
    /// When the papers truly arrived, for window and post.
    pub received_at: Option<DateTime<Utc>>,
    /// Why that is before now.
    pub received_reason: Option<String>,
}

/// Whether a case may come in by a channel through whoever acts: applicants and agents use the portal, an officer states
/// that the person was there or that the papers came by post.
pub const fn fits(side: Side, channel: Channel) -> bool {
    match side {
        Side::Applicant | Side::Agent => matches!(channel, Channel::Online),
        Side::Window => matches!(channel, Channel::Window | Channel::Post),
    }
}

/// Bounds of a cart, all that are broken at once.
pub fn check_bounds(cart: &SaveCart) -> Vec<Rejection> {
    let mut wrong = Vec::new();
    if cart.lines.len() > MAX_LINES {
        wrong.push(Rejection::at(Code::TooMany, "input.lines"));
    }
    for (at, line) in cart.lines.iter().enumerate().take(MAX_LINES) {
        if !line.answers.is_object() {
            wrong.push(Rejection::at(Code::Malformed, &format!("input.lines.{at}.answers")));
        } else if line.answers.to_string().len() > MAX_ANSWERS {
            wrong.push(Rejection::at(Code::TooLong, &format!("input.lines.{at}.answers")));
        }
        let strange = [
            ("regionCode", line.region.as_deref().is_some_and(|code| listed_region(code).is_none())),
            ("zoneCode", line.zone.as_deref().is_some_and(|code| listed_zone(code).is_none())),
            ("category", line.category.as_deref().is_some_and(|code| talent_class(code).is_none())),
        ];
        for (name, _) in strange.into_iter().filter(|(_, strange)| *strange) {
            wrong.push(Rejection::at(Code::NotAllowed, &format!("input.lines.{at}.{name}")));
        }
        for (name, count) in [("materials", line.materials.len()), ("beneficiaryIds", line.beneficiaries.len())] {
            if count > 50 {
                wrong.push(Rejection::at(Code::TooMany, &format!("input.lines.{at}.{name}")));
            }
        }
    }
    wrong
}

/// The true instant of receipt, stated by an officer for window and post: with a reason, never in the future, and
/// not further back than `days`.
pub fn check_receipt(stated: DateTime<Utc>, reason: Option<&str>, channel: Channel, now: DateTime<Utc>, today: NaiveDate, days: i64) -> Vec<Rejection> {
    let mut wrong = Vec::new();
    if !matches!(channel, Channel::Window | Channel::Post) {
        wrong.push(Rejection::at(Code::NotAllowed, "input.receivedAt"));
    }
    if stated > now {
        wrong.push(Rejection::at(Code::InFuture, "input.receivedAt"));
    }
    if crate::kernel::clock::civil_date(stated) < today - chrono::Duration::days(days) {
        wrong.push(Rejection::at(Code::TooEarly, "input.receivedAt"));
    }
    if reason.is_none_or(|r| r.trim().is_empty()) {
        wrong.push(Rejection::at(Code::ReasonRequired, "input.receivedReason"));
    }
    if reason.is_some_and(|r| r.trim().chars().count() > MAX_REASON) {
        wrong.push(Rejection::at(Code::TooLong, "input.receivedReason"));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_officer_says_that_papers_came_to_the_window() {
        for side in [Side::Applicant, Side::Agent, Side::Window] {
            let fitting: Vec<Channel> = Channel::ALL.iter().copied().filter(|&c| fits(side, c)).collect();
            let wanted: &[Channel] = if side == Side::Window { &[Channel::Window, Channel::Post] } else { &[Channel::Online] };
            assert_eq!(fitting, wanted, "{side:?}");
        }
    }

    #[test]
    fn a_stated_receipt_needs_a_reason_and_lies_neither_ahead_nor_far_back() {
        let now = DateTime::UNIX_EPOCH + chrono::Duration::days(100);
        let today = crate::kernel::clock::civil_date(now);
        let codes = |stated, reason, channel| check_receipt(stated, reason, channel, now, today, 30).into_iter().map(|r| r.code).collect::<Vec<_>>();
        assert_eq!(codes(now - chrono::Duration::days(3), Some("by post"), Channel::Post), []);
        assert_eq!(codes(now + chrono::Duration::hours(1), None, Channel::Online), [Code::NotAllowed, Code::InFuture, Code::ReasonRequired]);
        assert_eq!(codes(now - chrono::Duration::days(40), Some("late"), Channel::Window), [Code::TooEarly]);
    }
}
