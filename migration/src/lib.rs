//! Schema changes of the portal, oldest first. A migration that has landed is never edited.

use sea_orm_migration::prelude::*;

mod m20261124_000001_create_audit;
mod m20261124_000001_create_person_key;
mod m20261124_000002_create_organisation;
mod m20261124_000003_create_person;
mod m20261124_000004_create_account;
mod m20261124_000005_create_catalogue;
mod m20261124_000006_create_material;
mod m20261124_000007_create_talent;
mod m20261124_000008_create_application;
mod m20261124_000009_create_talent_card;
mod m20261125_000001_extend_application;
mod m20261125_000002_extend_talent_card;
mod m20261125_000003_create_notice;
pub mod schema;

/// Migrations of the data store.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_create_audit::Migration),
            Box::new(m20261124_000002_create_organisation::Migration),
            Box::new(m20261124_000003_create_person::Migration),
            Box::new(m20261124_000004_create_account::Migration),
            Box::new(m20261124_000005_create_catalogue::Migration),
            Box::new(m20261124_000006_create_material::Migration),
            Box::new(m20261124_000007_create_talent::Migration),
            Box::new(m20261124_000008_create_application::Migration),
            Box::new(m20261124_000009_create_talent_card::Migration),
            Box::new(m20261125_000001_extend_application::Migration),
            Box::new(m20261125_000002_extend_talent_card::Migration),
            Box::new(m20261125_000003_create_notice::Migration),
        ]
    }
}

/// Migrations of the store of person keys, which has a life and backups of its own.
#[derive(Debug)]
pub struct KeyMigrator;

impl MigratorTrait for KeyMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261124_000001_create_person_key::Migration)]
    }
}
