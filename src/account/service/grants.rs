//! Roles: invitations by system administration, grants by security administration.

use chrono::{DateTime, Duration, Utc};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use crate::account::model::contact::Contact;
use crate::account::model::grant::{GrantScope, InvitationRow, RoleGrant, check_scope};
use crate::account::policy;
use crate::account::service::letters;
use crate::account::store::{self, GrantFilter, Inserted};
use crate::audit::model::{Entry, Message};
use crate::audit::service::{self as audit, Claim};
use crate::kernel::actor::Actor;
use crate::kernel::fault::{Fault, Refused};
use crate::kernel::ids::{AccountId, BodyId, GrantId, InvitationId, PersonId, TypedId as _, UnitId};
use crate::kernel::page::{Page, PageRequest};
use crate::kernel::rejection::{Code, Rejection};
use crate::kernel::role::Role;
use crate::kernel::seal::token_hash;
use crate::kernel::text::Language;
use crate::organisation::service as organisation;
use crate::person::service as persons;
use crate::portal::Portal;

const INVITATION: &str = "INVITATION";
const GRANT: &str = "GRANT";
/// Order of a list of grants.
pub const GRANT_ORDER: &str = "grant";
/// How long an invitation waits.
pub const INVITATION_LIFE: Duration = Duration::days(7);

/// Invites somebody to a role.
#[derive(serde::Serialize)]
pub struct InviteStaff {
    /// Where the one-time token is sent, as typed. Personal.
    pub contact: String,
    /// The role.
    pub role: Role,
    /// For what.
    pub scope: GrantScope,
    /// Language of the message.
    pub language: Language,
}

/// Sends a one-time token that gives a role to who accepts it. The three administrators are not made in this way.
///
/// Refuses with [`Code::ContactMalformed`], [`Code::NotAllowed`], [`Code::Required`], [`Code::NotFound`].
pub async fn invite_staff(portal: &Portal, actor: &Actor, command: InviteStaff, idempotency_key: &str) -> Result<InvitationRow, Refused> {
    let member = policy::may_invite(actor)?;
    let contact = Contact::parse(&command.contact);
    let mut problems =
        if command.role.is_administrator() { vec![Rejection::at(Code::NotAllowed, "input.role")] } else { check_scope(command.role, command.scope) };
    if contact.is_none() {
        problems.push(Rejection::at(Code::ContactMalformed, "input.contact"));
    }
    let (Some(contact), true) = (contact, problems.is_empty()) else { return Err(Refused::Rejected(problems)) };
    let id = InvitationId::new(&portal.env);
    let token = portal.env.secret();
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "inviteStaff", idempotency_key, &command, id.0).await? {
        return Ok(store::invitation(&txn, InvitationId(made)).await?.ok_or(Fault::NotFound)?);
    }
    let row = InvitationRow {
        id,
        role: command.role,
        scope: command.scope,
        sealed: Some(letters::seal_invitation(portal, id, &contact, &token)?),
        language: command.language,
        invited_by: Some(member.person),
        expires_at: now + INVITATION_LIFE,
        contact_index: Some(letters::index_of(portal, &contact)),
    };
    insert(&txn, &row, &token, portal).await?;
    audit::announce(&txn, portal, Message::new(letters::SEND_INVITATION, INVITATION, id.0).work()).await?;
    audit::record(&txn, portal, actor, Entry::new("INVITE_STAFF").object(INVITATION, id.0).detail("role", row.role.code())).await?;
    portal.commit(txn).await?;
    Ok(row)
}

async fn insert(txn: &impl ConnectionTrait, row: &InvitationRow, token: &str, portal: &Portal) -> Result<(), Refused> {
    match store::insert_invitation(txn, row, token_hash(token), portal.env.now()).await? {
        Inserted::Done if is_open(txn, row.scope).await? => Ok(()),
        Inserted::Done | Inserted::Unknown => Err(unknown_scope(row.scope)),
        Inserted::Taken => Err(Fault::bug("two one-time tokens were equal").into()),
    }
}

fn unknown_scope(scope: GrantScope) -> Refused {
    Rejection::at(Code::NotFound, if scope.unit().is_some() { "input.unitId" } else { "input.bodyId" }).into()
}

/// A one-time token that makes who accepts it an administrator; for the operator's command `admin create`.
///
/// Errors: [`Fault::BadRequest`] for a role that is no administrator's.
pub async fn create_admin_invitation(portal: &Portal, role: Role) -> Result<String, Refused> {
    if !role.is_administrator() {
        return Err(Fault::bad_request("role").into());
    }
    let id = InvitationId::new(&portal.env);
    let token = portal.env.secret();
    let now = portal.env.now();
    let row = InvitationRow {
        id,
        role,
        scope: GrantScope::Portal,
        sealed: None,
        language: Language::ZhHans,
        invited_by: None,
        expires_at: now + INVITATION_LIFE,
        contact_index: None,
    };
    let txn = portal.db.begin_write().await?;
    insert(&txn, &row, &token, portal).await?;
    let entry = Entry::new("CREATE_ADMIN").object(INVITATION, id.0).detail("role", role.code()).by_system();
    audit::record(&txn, portal, &Actor::anonymous("command"), entry).await?;
    portal.commit(txn).await?;
    Ok(token)
}

/// The caller takes the role of a one-time token.
///
/// Refuses with [`Code::TokenInvalid`], [`Code::OwnGrant`], [`Code::AdministratorsApart`], [`Code::AlreadyExists`].
pub async fn accept_invitation(portal: &Portal, actor: &Actor, token: &str) -> Result<RoleGrant, Refused> {
    let member = policy::signed_in(actor)?;
    let txn = portal.db.begin_write().await?;
    let grant = accept_in(&txn, portal, (member.account, member.person), token, "input.token").await?;
    audit::record(&txn, portal, actor, Entry::new("ACCEPT_INVITATION").object(GRANT, grant.id.0).person(member.person).detail("role", grant.role.code()))
        .await?;
    portal.commit(txn).await?;
    Ok(grant)
}

/// The same inside the caller's transaction, which must end without a commit where this refuses.
///
/// A token that was sent to a contact point is good for the account that holds it confirmed, and as long as who sent it
/// may invite; else it is refused like an unknown one.
pub async fn accept_in(
    txn: &impl ConnectionTrait,
    portal: &Portal,
    (account, person): (AccountId, PersonId),
    token: &str,
    path: &str,
) -> Result<RoleGrant, Refused> {
    let now = portal.env.now();
    let invalid = || Refused::from(Rejection::at(Code::TokenInvalid, path));
    let invitation = store::accept_invitation(txn, token_hash(token.trim()), person, now).await?.ok_or_else(invalid)?;
    policy::not_oneself(invitation.invited_by, person, path)?;
    let hers = match &invitation.contact_index {
        Some(index) => store::holds_contact(txn, account, index).await?,
        None => true,
    };
    let stands = match invitation.invited_by {
        Some(inviter) => store::holds_role(txn, inviter, Role::SystemAdmin).await?,
        None => true,
    };
    if !hers || !stands {
        return Err(invalid());
    }
    if invitation.contact_index.is_some() {
        letters::forget_invitation(txn, portal, invitation.id).await?;
    }
    let (role, scope) = (invitation.role, invitation.scope);
    let grant = RoleGrant { id: GrantId::new(&portal.env), person, role, scope, starts_at: now, ended_at: None };
    give(txn, grant, invitation.invited_by, path, invalid()).await
}

/// What a closed unit had to do is its successor's. Asked after the row that names the unit was written, so that it stays so.
async fn is_open(db: &impl ConnectionTrait, scope: GrantScope) -> Result<bool, Fault> {
    match scope {
        GrantScope::Unit(unit) => organisation::is_open(db, unit).await,
        _ => Ok(true),
    }
}

/// Writes a role down, for the caller's transaction, which must end without a commit where this refuses; with `unknown`
/// where no open unit and no body is its scope.
async fn give(txn: &impl ConnectionTrait, grant: RoleGrant, by: Option<PersonId>, path: &str, unknown: Refused) -> Result<RoleGrant, Refused> {
    let RoleGrant { id, person, role, scope, starts_at, .. } = grant;
    if role.is_administrator() && store::is_administrator(txn, person).await? {
        return Err(Rejection::at(Code::AdministratorsApart, path).into());
    }
    match store::insert_grant(txn, id, person, role, scope, by, starts_at).await? {
        Inserted::Done if is_open(txn, scope).await? => Ok(grant),
        Inserted::Done | Inserted::Unknown => Err(unknown),
        // For an administrator another of her roles may have been quicker.
        Inserted::Taken => Err(Rejection::at(if role.is_administrator() { Code::AdministratorsApart } else { Code::AlreadyExists }, path).into()),
    }
}

/// Gives a role.
#[derive(Debug, serde::Serialize)]
pub struct GrantRole {
    /// To whom.
    pub person: PersonId,
    /// The role.
    pub role: Role,
    /// For what.
    pub scope: GrantScope,
}

/// Security administration gives a role.
///
/// Refuses with [`Code::NotFound`], [`Code::NotAllowed`], [`Code::Required`], [`Code::OwnGrant`],
/// [`Code::AdministratorsApart`], [`Code::AlreadyExists`].
pub async fn grant_role(portal: &Portal, actor: &Actor, command: GrantRole, idempotency_key: &str) -> Result<RoleGrant, Refused> {
    let member = policy::may_grant(actor)?;
    let problems = check_scope(command.role, command.scope);
    if !problems.is_empty() {
        return Err(Refused::Rejected(problems));
    }
    let key_id = GrantId::new(&portal.env);
    let txn = portal.db.begin_write().await?;
    if let Claim::Replay(made) = audit::claim_key(&txn, portal, actor, "grantRole", idempotency_key, &command, key_id.0).await? {
        return Ok(store::grant(&txn, GrantId(made)).await?.ok_or(Fault::NotFound)?);
    }
    let person = match persons::resolve(&txn, command.person).await {
        Err(Fault::NotFound) => return Err(Rejection::at(Code::NotFound, "input.personId").into()),
        other => other?,
    };
    policy::not_oneself(Some(member.person), person, "input.personId")?;
    let (role, scope) = (command.role, command.scope);
    let grant = RoleGrant { id: key_id, person, role, scope, starts_at: portal.env.now(), ended_at: None };
    let grant = give(&txn, grant, Some(member.person), "input.role", unknown_scope(scope)).await?;
    audit::announce(&txn, portal, Message::new("GRANT_GIVEN", GRANT, grant.id.0)).await?;
    audit::record(&txn, portal, actor, Entry::new("GRANT_ROLE").object(GRANT, grant.id.0).person(person).detail("role", grant.role.code())).await?;
    portal.commit(txn).await?;
    Ok(grant)
}

/// Security administration ends a role; from the next request on it is not in force.
///
/// Refuses with [`Code::NotFound`] (also: ended before) and [`Code::OwnGrant`].
pub async fn end_grant(portal: &Portal, actor: &Actor, id: GrantId) -> Result<RoleGrant, Refused> {
    let member = policy::may_grant(actor)?;
    let now = portal.env.now();
    let txn = portal.db.begin_write().await?;
    let unknown = || Refused::from(Rejection::at(Code::NotFound, "input.grantId"));
    let grant = store::grant(&txn, id).await?.ok_or_else(unknown)?;
    policy::not_oneself(Some(member.person), persons::resolve(&txn, grant.person).await?, "input.grantId")?;
    if !store::end_grant(&txn, id, member.person, now).await? {
        return Err(unknown());
    }
    audit::announce(&txn, portal, Message::new("GRANT_ENDED", GRANT, id.0)).await?;
    audit::record(&txn, portal, actor, Entry::new("END_GRANT").object(GRANT, id.0).person(grant.person).detail("role", grant.role.code())).await?;
    portal.commit(txn).await?;
    Ok(RoleGrant { ended_at: Some(now), ..grant })
}

/// The grants of a person, of a unit or of a body, in force or ended, newest first, for security administration.
///
/// Errors: [`Fault::BadRequest`] at `personId` where none of the three is given.
pub async fn grants(
    portal: &Portal,
    actor: &Actor,
    (person, unit, body): (Option<PersonId>, Option<UnitId>, Option<BodyId>),
    request: PageRequest,
) -> Result<Page<RoleGrant>, Fault> {
    policy::may_grant(actor)?;
    let db = portal.db.read();
    if person.is_none() && unit.is_none() && body.is_none() {
        return Err(Fault::bad_request("personId"));
    }
    let holder = match person {
        Some(person) => Some(persons::identities(db, person).await?),
        None => None,
    };
    let filter = GrantFilter { holder, unit, body };
    let rows = store::grants_page(db, &filter, before(&request)?, request.limit()).await?;
    let page = Page::cut(rows, &request, GRANT_ORDER, |grant| vec![grant.id.0.to_string()]);
    Ok(page.counted(&request, store::count_grants(db, &filter)).await?)
}

/// Whom a grant is of, for a notice about it.
pub async fn grantee(db: &impl ConnectionTrait, id: GrantId) -> Result<Option<PersonId>, Fault> {
    Ok(store::grant(db, id).await?.map(|grant| grant.person))
}

/// Who holds one of these roles for a body, now. For notices: it decides nothing about who may do what.
pub async fn holders_for_body(db: &impl ConnectionTrait, roles: &[Role], body: BodyId, now: DateTime<Utc>) -> Result<Vec<PersonId>, Fault> {
    Ok(store::holders(db, roles, ("body_id", &[body.0]), now).await?.into_iter().map(|(person, _)| person).collect())
}

/// Who holds one of these roles at the first of the units, in their order, where anybody does; with the unit above next, those
/// are who is nearest to the work.
pub async fn nearest_holders(db: &impl ConnectionTrait, roles: &[Role], units: &[UnitId], now: DateTime<Utc>) -> Result<Vec<PersonId>, Fault> {
    let ids: Vec<Uuid> = units.iter().map(|unit| unit.0).collect();
    let found = store::holders(db, roles, ("unit_id", &ids), now).await?;
    let nearest = ids.iter().find(|id| found.iter().any(|(_, unit)| unit == *id));
    Ok(found.iter().filter(|(_, unit)| Some(unit) == nearest).map(|(person, _)| *person).collect())
}

/// The id before which a page of a list of the slice begins.
pub(crate) fn before(request: &PageRequest) -> Result<Option<Uuid>, Fault> {
    let key = request.after.as_deref().and_then(|keys| keys.first());
    key.map(|key| Uuid::try_parse(key).map_err(|_| Fault::CursorInvalid)).transpose()
}
