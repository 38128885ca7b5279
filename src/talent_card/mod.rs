//! Talent cards (人才卡): products, cards, their numbers, benefits, checks and the benefit ledger.
//!
//! A **product** (for example 人才优粤卡) has **versions** by legal basis; a version has grades and **benefits** by
//! grade, beneficiary and region, each with the authority that delivers it. Published versions never change.
//! A **card** is the entitlement of a holder under one version; its **numbers** come and go (loss, damage), the card stays.
//! Cards are issued by fulfilment of a decided case (`service::issue`), never by a mutation of their own.
//! The holder shows a **token** (signed, 60 seconds, spent once by the database); a counter **checks** the card for a
//! purpose that its unit may check for, learns no more than the purpose needs, and may record **uses** for some minutes.
//! Afterwards a card is reported lost, and decided on with reasons (`service::life`), replaced and renewed by cases of their
//! own (`service::replacement`, `service::renewal`); sub-cards go as their principal card goes. Its standing is published in a
//! signed **status list**, by which counters check without the portal (`model::status_list`).
//! The **ledger** keeps a balance per card, benefit, beneficiary and year beside append-only entries; the balance row
//! is raised by compare-and-set, so that the last unit of a quota is used once.

pub mod graphql;
pub mod job;
pub mod model;
pub mod policy;
pub mod service;
pub mod store;
