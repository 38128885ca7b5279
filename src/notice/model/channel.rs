//! Where a notice goes besides the inbox.

use std::collections::BTreeMap;

use crate::coded_enum;
use crate::notice::model::cause::Group;

coded_enum! {
    /// Where a notice goes besides the inbox, in which it always is.
    pub enum Channel {
        /// A mail to the first confirmed address of the account.
        Email => "EMAIL",
        /// A message to the first confirmed mobile number of the account.
        Sms => "SMS",
        /// A push notice to each registered device.
        Push => "PUSH",
    }
}

coded_enum! {
    /// What a push notice goes to.
    pub enum Platform {
        /// An app on Android.
        Android => "ANDROID",
        /// An app on iOS.
        Ios => "IOS",
        /// An app on HarmonyOS.
        Harmony => "HARMONY",
        /// A browser.
        Web => "WEB",
    }
}

impl Channel {
    /// Whether it is used where nobody chose. An SMS costs, and stays for who wants it.
    pub const fn by_default(self) -> bool {
        match self {
            Self::Email | Self::Push => true,
            Self::Sms => false,
        }
    }
}

/// The choices of one account, where any were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices(BTreeMap<(Group, Channel), bool>);

impl Choices {
    /// Adds a choice.
    pub fn choose(&mut self, group: Group, channel: Channel, wanted: bool) {
        self.0.insert((group, channel), wanted);
    }

    /// Whether notices of a group go by a channel.
    pub fn wants(&self, group: Group, channel: Channel) -> bool {
        self.0.get(&(group, channel)).copied().unwrap_or_else(|| channel.by_default())
    }

    /// The channels by which notices of a group go.
    pub fn channels(&self, group: Group) -> Vec<Channel> {
        Channel::ALL.iter().copied().filter(|channel| self.wants(group, *channel)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_chose_goes_by_mail_and_push_and_a_choice_holds_for_its_group_alone() {
        let mut choices = Choices::default();
        assert_eq!(choices.channels(Group::Case), [Channel::Email, Channel::Push]);
        choices.choose(Group::Case, Channel::Email, false);
        choices.choose(Group::Case, Channel::Sms, true);
        assert_eq!(choices.channels(Group::Case), [Channel::Sms, Channel::Push]);
        assert_eq!(choices.channels(Group::Card), [Channel::Email, Channel::Push]);
    }
}
