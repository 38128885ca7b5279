//! Accounts: contact points, codes, sessions, limits, grants, invitations and mandates.

use sea_orm_migration::prelude::*;

use crate::schema::{
    bigint, boolean, bytes, bytes_null, code, id, index, instant, instant_null, int, json, refers, table, text, text_null, unique, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

const LANGUAGES: [&str; 4] = ["zh-Hans", "zh-Hant", "en", "pt"];
const ROLES: [&str; 15] = [
    "TALENT",
    "AGENT",
    "WINDOW_OFFICER",
    "REVIEWER",
    "APPROVER",
    "SUPERVISOR",
    "COUNTER",
    "EMPLOYER_CONFIRMER",
    "RECRUITER",
    "EXAMINER",
    "ASSESSOR",
    "MANAGER",
    "SYSTEM_ADMIN",
    "SECURITY_ADMIN",
    "AUDIT_ADMIN",
];
const TABLES: [&str; 9] = ["mandate", "invitation", "role_grant", "second_factor", "session", "pending_code", "rate_limit", "contact_point", "account"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sign_in(manager).await?;
        roles(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES {
            manager.drop_table(Table::drop().table(name).to_owned()).await?;
        }
        Ok(())
    }
}

async fn sign_in(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("account")
                .col(id())
                .col(uuid("person_id"))
                .col(code("status", &["ACTIVE", "DISABLED", "CLOSED"]))
                .col(code("language", &LANGUAGES))
                .col(text_null("password_hash"))
                .col(instant_null("password_changed_at"))
                .col(int("failures"))
                .col(instant("created_at"))
                .foreign_key(&mut refers("account", "person_id", "person"))
                .to_owned(),
        )
        .await?;
    manager.create_index(unique("account", "account_person", &["person_id"])).await?;
    manager
        .create_table(
            table("contact_point")
                .col(id())
                .col(uuid("account_id"))
                .col(code("kind", &["EMAIL", "MOBILE"]))
                .col(bytes("value_sealed"))
                .col(bytes("value_index"))
                .col(instant_null("verified_at"))
                .col(instant("created_at"))
                .col(instant_null("removed_at"))
                .foreign_key(&mut refers("contact_point", "account_id", "account"))
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            unique("contact_point", "contact_point_verified", &["value_index"])
                .and_where(Expr::col("verified_at").is_not_null())
                .and_where(Expr::col("removed_at").is_null())
                .to_owned(),
        )
        .await?;
    manager.create_index(index("contact_point", "contact_point_account", &["account_id"])).await?;
    manager
        .create_table(
            table("pending_code")
                .col(id())
                .col(text("purpose"))
                .col(uuid_null("account_id"))
                .col(bytes("contact_index"))
                // Contact point and code to be sent, under the portal's own key; NULL after use or expiry.
                .col(bytes_null("sealed"))
                // NULL where no code fits, so that a known contact point looks like an unknown one.
                .col(bytes_null("code_hash"))
                .col(code("language", &LANGUAGES))
                .col(int("tries"))
                .col(instant("created_at"))
                .col(instant("expires_at"))
                .col(instant_null("sent_at"))
                .col(instant_null("used_at"))
                .foreign_key(&mut refers("pending_code", "account_id", "account"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("pending_code", "pending_code_expiry", &["expires_at"])).await?;
    manager.create_index(index("pending_code", "pending_code_account", &["account_id"]).and_where(Expr::col("account_id").is_not_null()).to_owned()).await?;
    manager
        .create_table(
            table("rate_limit")
                .col(ColumnDef::new("key_hash").binary().not_null().primary_key())
                // Theoretical arrival time of the generic cell rate algorithm, milliseconds since 1970.
                .col(bigint("arrival_ms"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("rate_limit", "rate_limit_arrival", &["arrival_ms"])).await?;
    manager
        .create_table(
            table("session")
                .col(id())
                .col(uuid("account_id"))
                .col(uuid("family"))
                .col(code("kind", &["NORMAL", "DEMO"]))
                .col(bytes("access_hash"))
                .col(instant("access_until"))
                .col(bytes("refresh_hash"))
                .col(bytes_null("previous_refresh_hash"))
                .col(instant_null("rotated_at"))
                .col(instant("refresh_until"))
                .col(instant("ends_at"))
                .col(boolean("second_factor"))
                .col(code("agent", &["BROWSER", "MOBILE_APP", "PROGRAM", "UNKNOWN"]))
                .col(instant("created_at"))
                .col(instant("last_seen_at"))
                .col(instant_null("ended_at"))
                .col(text_null("ended_because"))
                // Keyed hash of the /24 or /64 that it began from, for thirty days: strangers' failures do not stop its owner there.
                .col(bytes_null("network_hash"))
                .foreign_key(&mut refers("session", "account_id", "account"))
                .to_owned(),
        )
        .await?;
    manager.create_index(unique("session", "session_access", &["access_hash"])).await?;
    manager.create_index(index("session", "session_account", &["account_id", "created_at"])).await?;
    // For the hourly sweep.
    manager.create_index(index("session", "session_ends", &["ends_at"])).await?;
    let networks = index("session", "session_network", &["created_at"]).and_where(Expr::col("network_hash").is_not_null()).to_owned();
    manager.create_index(networks).await?;
    manager
        .create_table(
            table("second_factor")
                .col(id())
                .col(uuid("account_id"))
                .col(code("kind", &["TOTP", "PASSKEY", "RECOVERY_CODE"]))
                // Under the data key of the account's person. A factor that is removed or reset is deleted.
                .col(bytes("secret_sealed"))
                .col(instant("created_at"))
                // NULL until the first code came: it keeps nobody out before.
                .col(instant_null("confirmed_at"))
                // Step of the last code that was taken; only codes of later steps are good.
                .col(bigint("last_step"))
                .col(instant_null("last_used_at"))
                // Wrong codes in a row.
                .col(int("failures"))
                .foreign_key(&mut refers("second_factor", "account_id", "account"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("second_factor", "second_factor_account", &["account_id"])).await?;
    let once = unique("second_factor", "second_factor_totp_once", &["account_id"]).and_where(Expr::col("kind").eq("TOTP")).to_owned();
    manager.create_index(once).await
}

async fn roles(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("role_grant")
                .col(id())
                .col(uuid("person_id"))
                .col(code("role", &ROLES))
                .col(uuid_null("unit_id"))
                .col(uuid_null("body_id"))
                // Unit or body as text, `PORTAL` for neither: what is unique beside person and role.
                .col(text("scope_key"))
                // NULL where the operator's one-time token gave the role.
                .col(uuid_null("granted_by"))
                .col(instant("starts_at"))
                .col(instant_null("ended_at"))
                .col(uuid_null("ended_by"))
                .foreign_key(&mut refers("role_grant", "person_id", "person"))
                .foreign_key(&mut refers("role_grant", "unit_id", "unit"))
                .foreign_key(&mut refers("role_grant", "body_id", "body"))
                .foreign_key(&mut refers("role_grant", "granted_by", "person"))
                .foreign_key(&mut refers("role_grant", "ended_by", "person"))
                .check(Expr::cust("unit_id IS NULL OR body_id IS NULL"))
                .to_owned(),
        )
        .await?;
    manager
        .create_index(unique("role_grant", "role_grant_once", &["person_id", "role", "scope_key"]).and_where(Expr::col("ended_at").is_null()).to_owned())
        .await?;
    // The three administrators are different people (三员分立).
    manager
        .create_index(
            unique("role_grant", "role_grant_administrators_apart", &["person_id"])
                .and_where(Expr::col("ended_at").is_null())
                .and_where(Expr::col("role").is_in(["SYSTEM_ADMIN", "SECURITY_ADMIN", "AUDIT_ADMIN"]))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("role_grant", "role_grant_person", &["person_id", "id"])).await?;
    manager.create_index(index("role_grant", "role_grant_unit", &["unit_id", "id"])).await?;
    manager.create_index(index("role_grant", "role_grant_body", &["body_id", "id"])).await?;
    manager
        .create_table(
            table("invitation")
                .col(id())
                .col(bytes("token_hash"))
                // Contact point and token to be sent, under the portal's own key; NULL once sent, used or expired.
                .col(bytes_null("sealed"))
                // Blind index of the contact point invited; NULL for the operator's tokens.
                .col(bytes_null("contact_index"))
                .col(code("role", &ROLES))
                .col(uuid_null("unit_id"))
                .col(uuid_null("body_id"))
                .col(code("language", &LANGUAGES))
                .col(uuid_null("invited_by"))
                .col(instant("created_at"))
                .col(instant("expires_at"))
                .col(instant_null("sent_at"))
                .col(instant_null("accepted_at"))
                .col(uuid_null("accepted_by"))
                .foreign_key(&mut refers("invitation", "unit_id", "unit"))
                .foreign_key(&mut refers("invitation", "body_id", "body"))
                .foreign_key(&mut refers("invitation", "invited_by", "person"))
                .foreign_key(&mut refers("invitation", "accepted_by", "person"))
                .check(Expr::cust("unit_id IS NULL OR body_id IS NULL"))
                .to_owned(),
        )
        .await?;
    manager.create_index(unique("invitation", "invitation_token", &["token_hash"])).await?;
    manager.create_index(index("invitation", "invitation_expires", &["expires_at"])).await?;
    manager
        .create_table(
            table("mandate")
                .col(id())
                // A person or a body, never both.
                .col(uuid_null("principal_person_id"))
                .col(uuid_null("principal_body_id"))
                .col(uuid("agent_id"))
                .col(json("scope"))
                .col(instant("starts_at"))
                .col(instant("ends_at"))
                .col(instant_null("withdrawn_at"))
                .col(instant("created_at"))
                .foreign_key(&mut refers("mandate", "principal_person_id", "person"))
                .foreign_key(&mut refers("mandate", "principal_body_id", "body"))
                .foreign_key(&mut refers("mandate", "agent_id", "person"))
                .check(Expr::cust("(principal_person_id IS NULL) <> (principal_body_id IS NULL)"))
                .check(Expr::cust("principal_person_id <> agent_id"))
                .check(Expr::cust("starts_at < ends_at"))
                .to_owned(),
        )
        .await?;
    manager.create_index(index("mandate", "mandate_principal", &["principal_person_id"])).await?;
    manager.create_index(index("mandate", "mandate_body", &["principal_body_id"])).await?;
    manager.create_index(index("mandate", "mandate_agent", &["agent_id"])).await
}
