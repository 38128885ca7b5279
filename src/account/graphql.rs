//! Sign-up, sign-in, sessions, grants and mandates, for the API.

use std::net::IpAddr;

use async_graphql::{ComplexObject, Context, ID, InputObject, Object, SimpleObject, Union};

use self::factor::SecondFactor;
use crate::account::model::client::{AgentClass, Client};
use crate::account::model::code::Challenge;
use crate::account::model::grant::{GrantScope, InvitationRow, RoleGrant};
use crate::account::model::session::{self as model, SessionView, Transport};
use crate::account::service::grants::{self, GrantRole, InviteStaff};
use crate::account::service::recovery::{self, CompleteRecovery};
use crate::account::service::sign_in::{self, SignedIn};
use crate::account::service::sign_up::{self, AskCode, CompleteSignUp};
use crate::account::service::viewer::ContactView;
use crate::account::service::{contacts, factors, sessions, viewer};
use crate::api::connection::{self, Pages};
use crate::api::context::{ContextExt as _, RefreshCookie};
use crate::api::error::{ApiError, UserError, nullable, payload};
use crate::api::ids::{decode, decode_option, encode};
use crate::api::scalars::Instant;
use crate::api::text::ApiLanguage;
use crate::kernel::actor::Actor;
use crate::kernel::fault::Fault;
use crate::kernel::ids::PersonId;
use crate::kernel::role::{Assurance, Role};
use crate::organisation::graphql::{BodyObject, UnitObject, body_of, unit_of};
use crate::person::graphql::{NamedPersonObject, PersonObject, named};
use crate::person::model::profile::PersonInput;

crate::api_enum!(Transport, "SessionTransport", "How a client wants to hold its tokens.");
crate::api_enum!(AgentClass, "ProgramClass", "Class of the program that a session was begun with.");
crate::api_enum!(crate::account::model::contact::ContactKind, "ContactPointKind", "Kind of a contact point.");

fn client(ctx: &Context<'_>) -> Client {
    let agent = ctx.data_opt::<AgentClass>().copied().unwrap_or(AgentClass::Unknown);
    Client { address: ctx.ctx().address.parse::<IpAddr>().ok(), agent }
}

/// A code was asked for. The answer is the same for known and unknown contact points.
#[derive(SimpleObject)]
#[graphql(name = "CodeChallenge")]
pub struct CodeChallenge {
    /// To be sent back together with the code.
    id: ID,
    /// Until when.
    expires_at: Instant,
}

impl From<Challenge> for CodeChallenge {
    fn from(challenge: Challenge) -> Self {
        Self { id: encode(challenge.id), expires_at: Instant(challenge.expires_at) }
    }
}

/// A session: an access token that lasts minutes, and a refresh token that is spent at each use.
#[derive(SimpleObject)]
#[graphql(name = "SessionPair")]
pub struct SessionPairObject {
    /// Id of the session.
    session_id: ID,
    /// To be sent as `Authorization: Bearer`; `null` where cookies were asked for.
    access_token: Option<String>,
    /// To be sent to `refreshSession`; `null` where cookies were asked for.
    refresh_token: Option<String>,
    /// End of the access token.
    access_expires_at: Instant,
    /// End of the refresh token.
    refresh_expires_at: Instant,
}

impl SessionPairObject {
    fn of(ctx: &Context<'_>, pair: model::SessionPair, transport: Transport) -> Self {
        let bearer = transport == Transport::Bearer;
        if !bearer {
            for cookie in pair.cookies(ctx.portal().env.now()) {
                ctx.append_http_header("set-cookie", cookie);
            }
        }
        Self {
            session_id: encode(pair.session),
            access_token: bearer.then_some(pair.access),
            refresh_token: bearer.then_some(pair.refresh),
            access_expires_at: Instant(pair.lifetime.access_until),
            refresh_expires_at: Instant(pair.lifetime.refresh_until),
        }
    }
}

/// The password was right; a second factor is to be shown with `completeSignIn`.
#[derive(SimpleObject)]
pub struct SecondFactorRequired {
    /// To be sent back together with the code of the factor.
    challenge_id: ID,
    /// Until when.
    expires_at: Instant,
}

impl From<Challenge> for SecondFactorRequired {
    fn from(challenge: Challenge) -> Self {
        Self { challenge_id: encode(challenge.id), expires_at: Instant(challenge.expires_at) }
    }
}

/// What a right password gives.
#[derive(Union)]
pub enum SignInResult {
    /// A session.
    SessionPair(SessionPairObject),
    /// A second factor is to be shown.
    SecondFactorRequired(SecondFactorRequired),
}

impl SignInResult {
    fn of(ctx: &Context<'_>, signed: SignedIn, transport: Transport) -> Self {
        match signed {
            SignedIn::Session(pair) => Self::SessionPair(SessionPairObject::of(ctx, pair, transport)),
            SignedIn::SecondFactorRequired(challenge) => Self::SecondFactorRequired(challenge.into()),
        }
    }
}

/// A contact point of the viewer.
#[derive(SimpleObject)]
pub struct ContactPoint {
    /// Global id.
    id: ID,
    /// Kind.
    kind: crate::account::model::contact::ContactKind,
    /// Masked, for example `138****8000`.
    masked: String,
    /// Whether it was confirmed by a code.
    verified: bool,
}

impl From<ContactView> for ContactPoint {
    fn from(p: ContactView) -> Self {
        Self { id: encode(p.id), kind: p.kind, masked: p.masked, verified: p.verified }
    }
}

/// A session of the viewer.
#[derive(SimpleObject)]
pub struct Session {
    /// Global id, for `endSession`.
    id: ID,
    /// Class of the program.
    program: AgentClass,
    /// Whether a second factor was shown.
    second_factor: bool,
    /// When it began.
    created_at: Instant,
    /// When it was last used, to five minutes.
    last_seen_at: Instant,
    /// When it ends at the latest.
    ends_at: Instant,
    /// Whether it is the one of this request.
    current: bool,
}

impl From<SessionView> for Session {
    fn from(view: SessionView) -> Self {
        Self {
            id: encode(view.id),
            program: view.agent,
            second_factor: view.second_factor,
            created_at: Instant(view.created_at),
            last_seen_at: Instant(view.last_seen_at),
            ends_at: Instant(view.ends_at),
            current: view.current,
        }
    }
}

/// A role that the viewer may act in now.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct ActiveRole {
    /// The role.
    role: Role,
    /// The unit whose subtree it reaches.
    unit_id: Option<ID>,
    /// The body, for a unit the one that it belongs to.
    body_id: Option<ID>,
}

/// A role given to a person.
#[derive(SimpleObject)]
#[graphql(name = "RoleGrant", complex)]
pub struct RoleGrantObject {
    #[graphql(skip)]
    person: PersonId,
    /// Global id, for `endGrant`.
    id: ID,
    /// Who holds it.
    person_id: ID,
    /// The role.
    role: Role,
    /// The unit whose subtree it reaches.
    unit_id: Option<ID>,
    /// The body.
    body_id: Option<ID>,
    /// From when.
    starts_at: Instant,
    /// When it ended; `null` while it is in force.
    ended_at: Option<Instant>,
}

#[ComplexObject]
impl ActiveRole {
    /// The unit whose subtree it reaches.
    async fn unit(&self, ctx: &Context<'_>) -> Option<Result<UnitObject, ApiError>> {
        unit_of(ctx, self.unit_id.as_ref()).await
    }

    /// The body, for a unit the one that it belongs to.
    async fn body(&self, ctx: &Context<'_>) -> Option<Result<BodyObject, ApiError>> {
        body_of(ctx, self.body_id.as_ref()).await
    }
}

#[ComplexObject]
impl RoleGrantObject {
    /// Who holds it, by name.
    async fn person(&self, ctx: &Context<'_>) -> Option<Result<NamedPersonObject, ApiError>> {
        named(ctx, self.person).await
    }

    /// The unit whose subtree it reaches.
    async fn unit(&self, ctx: &Context<'_>) -> Option<Result<UnitObject, ApiError>> {
        unit_of(ctx, self.unit_id.as_ref()).await
    }

    /// The body.
    async fn body(&self, ctx: &Context<'_>) -> Option<Result<BodyObject, ApiError>> {
        body_of(ctx, self.body_id.as_ref()).await
    }
}

impl From<RoleGrant> for RoleGrantObject {
    fn from(grant: RoleGrant) -> Self {
        Self {
            id: encode(grant.id),
            person: grant.person,
            person_id: encode(grant.person),
            role: grant.role,
            unit_id: grant.scope.unit().map(encode),
            body_id: grant.scope.body().map(encode),
            starts_at: Instant(grant.starts_at),
            ended_at: grant.ended_at.map(Instant),
        }
    }
}

/// Who is signed in.
pub struct Viewer {
    person: PersonId,
    /// Who she is by now, where the request changed her roles or her session.
    now: Option<Actor>,
}

impl Viewer {
    /// Whoever the request is from.
    pub fn of(actor: &Actor) -> Option<Self> {
        actor.person().map(|person| Self { person, now: None })
    }

    /// The same after the request changed her roles or her session.
    async fn anew(ctx: &Context<'_>) -> Option<Result<Self, ApiError>> {
        let now = sessions::actor_now(ctx.portal(), ctx.actor()).await;
        nullable(now.map(|now| now.person().map(|person| Self { person, now: Some(now) })))
    }

    fn actor<'a>(&'a self, ctx: &'a Context<'_>) -> &'a Actor {
        self.now.as_ref().unwrap_or_else(|| ctx.actor())
    }
}

fn all<T, O: From<T>>(found: Result<Vec<T>, Fault>) -> Option<Result<Vec<O>, ApiError>> {
    nullable(found.map(|found| Some(found.into_iter().map(Into::into).collect())))
}

/// Who is signed in.
#[Object]
impl Viewer {
    /// The person.
    async fn person(&self, ctx: &Context<'_>) -> Option<Result<PersonObject, ApiError>> {
        let person = crate::person::service::person_for(ctx.portal(), self.actor(ctx), self.person).await;
        nullable(person.map(|person| Some(PersonObject(person))))
    }

    /// Contact points, masked, oldest first.
    async fn contact_points(&self, ctx: &Context<'_>) -> Option<Result<Vec<ContactPoint>, ApiError>> {
        all(viewer::contact_points(ctx.portal(), self.actor(ctx)).await)
    }

    /// Sessions that last, newest first, at most 100.
    async fn sessions(&self, ctx: &Context<'_>) -> Option<Result<Vec<Session>, ApiError>> {
        all(sessions::sessions(ctx.portal(), self.actor(ctx)).await)
    }

    /// Second factors that are asked for at sign-in.
    async fn factors(&self, ctx: &Context<'_>) -> Option<Result<Vec<SecondFactor>, ApiError>> {
        all(factors::factors(ctx.portal(), self.actor(ctx)).await)
    }

    /// Whether roles of the viewer wait for a second factor: she holds one of staff, and this session has shown none.
    /// Until then `grants` leaves them out, and what needs them is answered with FORBIDDEN or NOT_FOUND, as to anybody.
    /// What to do: `startTotpEnrolment`, then `completeTotpEnrolment`.
    async fn second_factor_needed(&self, ctx: &Context<'_>) -> Option<Result<bool, ApiError>> {
        nullable(viewer::second_factor_needed(ctx.portal(), self.actor(ctx)).await.map(Some))
    }

    /// Roles in force in this session; those of staff only where a second factor was shown.
    async fn grants(&self, ctx: &Context<'_>) -> Vec<ActiveRole> {
        use crate::kernel::actor::Scope;
        let grants = self.actor(ctx).member.iter().flat_map(|m| &m.grants);
        grants
            .map(|g| match &g.scope {
                Scope::Portal => ActiveRole { role: g.role, unit_id: None, body_id: None },
                Scope::Unit { id, body, .. } => ActiveRole { role: g.role, unit_id: Some(encode(*id)), body_id: Some(encode(*body)) },
                Scope::Body(body) => ActiveRole { role: g.role, unit_id: None, body_id: Some(encode(*body)) },
            })
            .collect()
    }

    /// How surely the portal knows the viewer.
    async fn assurance(&self, ctx: &Context<'_>) -> Assurance {
        self.actor(ctx).member.as_ref().map_or(Assurance::L1, |m| m.assurance)
    }

    /// Language of the account: of messages to the viewer, and of answers where `Accept-Language` names none.
    async fn preferred_language(&self, ctx: &Context<'_>) -> Option<Result<ApiLanguage, ApiError>> {
        nullable(viewer::language(ctx.portal(), self.actor(ctx)).await.map(|language| Some(language.into())))
    }

    /// Language of this answer.
    async fn language(&self, ctx: &Context<'_>) -> ApiLanguage {
        ctx.language().into()
    }
}

/// Queries of the slice.
#[derive(Default)]
pub struct AccountQuery;

#[Object]
impl AccountQuery {
    /// Who is signed in; `null` for nobody.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Viewer> {
        Viewer::of(ctx.actor())
    }

    /// Grants in force or ended, newest first: those that fit all of `personId`, `unitId` and `bodyId` that are given, of which
    /// at least one must be. For security administration.
    #[graphql(complexity = "first.unwrap_or(20).unsigned_abs() as usize * child_complexity")]
    async fn role_grants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this person.")] person_id: Option<ID>,
        #[graphql(desc = "Only those for this unit itself, not for what is above or below it.")] unit_id: Option<ID>,
        #[graphql(desc = "Only those for this body itself, not for its units.")] body_id: Option<ID>,
        #[graphql(desc = "Rows wanted, at most 100; 20 by default.")] first: Option<i32>,
        #[graphql(desc = "Cursor after which to go on.")] after: Option<String>,
    ) -> Option<Result<Pages<RoleGrantObject>, ApiError>> {
        let read = async {
            let person = decode_option::<PersonId>(person_id.as_ref(), "personId")?;
            let scope = (person, decode_option(unit_id.as_ref(), "unitId")?, decode_option(body_id.as_ref(), "bodyId")?);
            let request = connection::request(ctx, first, after.as_deref(), grants::GRANT_ORDER, 1)?;
            Ok(connection::of(grants::grants(ctx.portal(), ctx.actor(), scope, request).await?, Into::into))
        };
        Some(read.await)
    }
}

/// Asks for a code.
#[derive(InputObject)]
pub struct StartSignUpInput {
    /// E-mail address, or mobile number with its country code (mainland numbers may go without).
    contact: String,
    /// Language of the message; by default that of the request. Who has an account gets it in the language of the account.
    language: Option<ApiLanguage>,
}

/// Asks for a code.
#[derive(InputObject)]
pub struct StartRecoveryInput {
    /// A confirmed e-mail address or mobile number of the account.
    contact: String,
    /// Language of the message; by default that of the request. Who has an account gets it in the language of the account.
    language: Option<ApiLanguage>,
}

/// Asks for a code at a further contact point.
#[derive(InputObject)]
pub struct AddContactPointInput {
    /// An e-mail address or a mobile number.
    contact: String,
    /// Language of the message; by default that of the request. Who has an account gets it in the language of the account.
    language: Option<ApiLanguage>,
}

/// Confirms a further contact point.
#[derive(InputObject)]
pub struct ConfirmContactPointInput {
    /// The challenge of `addContactPoint`.
    challenge_id: ID,
    /// The six digits that were sent.
    code: String,
}

/// Ends a sign-up.
#[derive(InputObject)]
pub struct CompleteSignUpInput {
    /// The challenge of `startSignUp`.
    challenge_id: ID,
    /// The six digits that were sent.
    code: String,
    /// 15 to 128 characters.
    password: String,
    /// Name in Chinese characters; this or the Latin one is needed.
    name_zh: Option<String>,
    /// Name in Latin letters, as in the passport.
    name_latin: Option<String>,
    /// Token of an invitation to a role.
    invitation_token: Option<String>,
    /// How the tokens are held.
    #[graphql(default_with = "Transport::Bearer")]
    transport: Transport,
}

/// Ends a recovery.
#[derive(InputObject)]
pub struct CompleteRecoveryInput {
    /// The challenge of `startRecovery`.
    challenge_id: ID,
    /// The six digits that were sent.
    code: String,
    /// The new password, 15 to 128 characters.
    password: String,
    /// How the tokens are held.
    #[graphql(default_with = "Transport::Bearer")]
    transport: Transport,
}

/// Signs in.
#[derive(InputObject)]
pub struct SignInInput {
    /// A confirmed e-mail address or mobile number of the account.
    contact: String,
    /// The password.
    password: String,
    /// How the tokens are held.
    #[graphql(default_with = "Transport::Bearer")]
    transport: Transport,
}

/// Shows the second factor.
#[derive(InputObject)]
pub struct CompleteSignInInput {
    /// The challenge of `signIn`.
    challenge_id: ID,
    /// The code of the factor.
    code: String,
    /// How the tokens are held.
    #[graphql(default_with = "Transport::Bearer")]
    transport: Transport,
}

/// Renews a session.
#[derive(InputObject)]
pub struct RefreshSessionInput {
    /// The refresh token; without it that of the cookie.
    refresh_token: Option<String>,
    /// How the tokens are held.
    #[graphql(default_with = "Transport::Bearer")]
    transport: Transport,
}

/// Ends one session.
#[derive(InputObject)]
pub struct EndSessionInput {
    /// One of the viewer's sessions.
    session_id: ID,
}

/// Ends all sessions.
#[derive(InputObject)]
pub struct EndAllSessionsInput {
    /// Whether the session of this request goes on.
    #[graphql(default = false)]
    keep_current: bool,
}

/// Accepts an invitation.
#[derive(InputObject)]
pub struct AcceptInvitationInput {
    /// The one-time token.
    token: String,
}

/// Invites somebody to a role.
#[derive(InputObject)]
pub struct InviteStaffInput {
    /// Where the one-time token is sent.
    contact: String,
    /// The role.
    role: Role,
    /// The unit, for roles of a unit.
    unit_id: Option<ID>,
    /// The body, for roles of a body.
    body_id: Option<ID>,
    /// Language of the message; by default that of the request.
    language: Option<ApiLanguage>,
    /// 16 to 64 characters, new for each new invitation.
    idempotency_key: String,
}

/// Gives a role.
#[derive(InputObject)]
pub struct GrantRoleInput {
    /// To whom.
    person_id: ID,
    /// The role.
    role: Role,
    /// The unit, for roles of a unit.
    unit_id: Option<ID>,
    /// The body, for roles of a body.
    body_id: Option<ID>,
    /// 16 to 64 characters, new for each new grant.
    idempotency_key: String,
}

/// Ends a role.
#[derive(InputObject)]
pub struct EndGrantInput {
    /// The grant.
    grant_id: ID,
}

macro_rules! payloads {
    ($($(#[$meta:meta])* $name:ident { $(#[$fmeta:meta])* $field:ident: $type:ty })+) => {
        payloads! { @ $($(#[$meta])* #[derive(SimpleObject)] $name { $(#[$fmeta])* $field: $type })+ }
    };
    // With the viewer as she is afterwards.
    (viewer $($(#[$meta:meta])* $name:ident { $(#[$fmeta:meta])* $field:ident: $type:ty })+) => {
        payloads! { @ $($(#[$meta])* #[derive(SimpleObject)] #[graphql(complex)] $name { $(#[$fmeta])* $field: $type })+ }

        $(#[::async_graphql::ComplexObject]
        impl $name {
            /// The viewer afterwards, with the roles and the assurance that hold from now on; null where nothing was changed.
            async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<$crate::account::graphql::Viewer, $crate::api::error::ApiError>> {
                self.$field.as_ref()?;
                $crate::account::graphql::Viewer::anew(ctx).await
            }
        })+
    };
    (@ $($(#[$meta:meta])* $name:ident { $(#[$fmeta:meta])* $field:ident: $type:ty })+) => {$(
        $(#[$meta])*
        pub struct $name {
            $(#[$fmeta])*
            $field: Option<$type>,
            /// Why nothing was changed.
            user_errors: Vec<UserError>,
        }

        impl $name {
            fn done($field: $type) -> Self {
                Self { $field: Some($field), user_errors: Vec::new() }
            }
            fn refused(user_errors: Vec<UserError>) -> Self {
                Self { $field: None, user_errors }
            }
        }
    )+};
}

payloads! {
    /// Answer of `startSignUp`.
    StartSignUpPayload { /// What waits for the code.
        challenge: CodeChallenge }
    /// Answer of `completeSignUp`.
    CompleteSignUpPayload { /// The new session.
        session: SessionPairObject }
    /// Answer of `completeRecovery`. The new password is set, whichever it is.
    CompleteRecoveryPayload { /// A session, or what a second factor is asked for.
        result: SignInResult }
    /// Answer of `startRecovery`.
    StartRecoveryPayload { /// What waits for the code.
        challenge: CodeChallenge }
    /// Answer of `addContactPoint`.
    AddContactPointPayload { /// What waits for the code.
        challenge: CodeChallenge }
    /// Answer of `confirmContactPoint`.
    ConfirmContactPointPayload { /// The contact point.
        contact_point: ContactPoint }
    /// Answer of `signIn`.
    SignInPayload { /// A session, or the wish for a second factor.
        result: SignInResult }
    /// Answer of `completeSignIn`.
    CompleteSignInPayload { /// The new session.
        session: SessionPairObject }
    /// Answer of `refreshSession`.
    RefreshSessionPayload { /// The renewed session.
        session: SessionPairObject }
    /// Answer of `signOut`.
    SignOutPayload { /// The session that ended.
        ended_session_id: ID }
    /// Answer of `endSession`.
    EndSessionPayload { /// The session that ended.
        ended_session_id: ID }
    /// Answer of `endAllSessions`.
    EndAllSessionsPayload { /// How many ended.
        ended: usize }
    /// Answer of `inviteStaff`.
    InviteStaffPayload { /// The invitation.
        invitation: StaffInvitation }
    /// Answer of `grantRole`.
    GrantRolePayload { /// The role.
        grant: RoleGrantObject }
    /// Answer of `endGrant`.
    EndGrantPayload { /// The role that ended.
        grant: RoleGrantObject }
}

payloads! { viewer
    /// Answer of `acceptInvitation`.
    AcceptInvitationPayload { /// The role.
        grant: RoleGrantObject }
}

/// An invitation to a role; its token goes to the contact point only.
#[derive(SimpleObject)]
pub struct StaffInvitation {
    /// Global id.
    id: ID,
    /// The role.
    role: Role,
    /// Until when.
    expires_at: Instant,
}

type Answer<T> = Option<Result<T, ApiError>>;

macro_rules! read {
    ($decoded:expr) => {
        match $decoded {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        }
    };
}

fn scope(unit: Option<&ID>, body: Option<&ID>) -> Result<Result<GrantScope, crate::kernel::fault::Refused>, ApiError> {
    Ok(GrantScope::parse(decode_option(unit, "input.unitId")?, decode_option(body, "input.bodyId")?).map_err(Into::into))
}

pub mod factor;
pub mod mandate;

/// Mutations of the slice.
#[derive(Default)]
pub struct AccountMutation;

#[Object]
impl AccountMutation {
    /// Begins a sign-up: a code is sent to the contact point. Known contact points get a notice instead, and the answer
    /// is the same. User errors: CONTACT_MALFORMED.
    async fn start_sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: StartSignUpInput,
    ) -> Answer<StartSignUpPayload> {
        let command = AskCode { contact: input.contact, language: input.language.map_or(ctx.language(), Into::into) };
        let done = sign_up::start_sign_up(ctx.portal(), ctx.actor(), &client(ctx), command).await;
        payload(ctx.ctx(), done, |c| StartSignUpPayload::done(c.into()), StartSignUpPayload::refused)
    }

    /// Ends a sign-up with the code that was sent, and signs in. User errors: CODE_INVALID, TOO_SHORT, TOO_LONG,
    /// PASSWORD_WEAK, REQUIRED, MALFORMED, ALREADY_EXISTS, TOKEN_INVALID.
    async fn complete_sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CompleteSignUpInput,
    ) -> Answer<CompleteSignUpPayload> {
        let command = CompleteSignUp {
            challenge: read!(decode(&input.challenge_id, "input.challengeId")),
            code: input.code,
            password: input.password,
            person: PersonInput { name_zh: input.name_zh, name_latin: input.name_latin, ..PersonInput::default() },
            invitation: input.invitation_token,
            language: ctx.language(),
        };
        let done = sign_up::complete_sign_up(ctx.portal(), ctx.actor(), &client(ctx), command).await;
        payload(ctx.ctx(), done, |p| CompleteSignUpPayload::done(SessionPairObject::of(ctx, p, input.transport)), CompleteSignUpPayload::refused)
    }

    /// Begins a recovery: a code is sent to the contact point. The answer is the same for unknown ones. User errors:
    /// CONTACT_MALFORMED.
    async fn start_recovery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: StartRecoveryInput,
    ) -> Answer<StartRecoveryPayload> {
        let command = AskCode { contact: input.contact, language: input.language.map_or(ctx.language(), Into::into) };
        let done = recovery::start_recovery(ctx.portal(), ctx.actor(), &client(ctx), command).await;
        payload(ctx.ctx(), done, |c| StartRecoveryPayload::done(c.into()), StartRecoveryPayload::refused)
    }

    /// Sets a new password, ends all sessions and signs in; an account with a second factor is asked for it as by `signIn`.
    /// User errors: CODE_INVALID, TOO_SHORT, TOO_LONG, PASSWORD_WEAK.
    async fn complete_recovery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CompleteRecoveryInput,
    ) -> Answer<CompleteRecoveryPayload> {
        let command = CompleteRecovery { challenge: read!(decode(&input.challenge_id, "input.challengeId")), code: input.code, password: input.password };
        let done = recovery::complete_recovery(ctx.portal(), ctx.actor(), &client(ctx), command).await;
        let result = |signed| SignInResult::of(ctx, signed, input.transport);
        payload(ctx.ctx(), done, |signed| CompleteRecoveryPayload::done(result(signed)), CompleteRecoveryPayload::refused)
    }

    /// Sends a code to a further contact point of the caller, who has at most five. The answer is the same where another
    /// account holds it. Needs a session that began at most 15 minutes ago. User errors: CONTACT_MALFORMED, ALREADY_EXISTS,
    /// TOO_MANY.
    async fn add_contact_point(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: AddContactPointInput,
    ) -> Answer<AddContactPointPayload> {
        let command = AskCode { contact: input.contact, language: input.language.map_or(ctx.language(), Into::into) };
        let done = contacts::add_contact_point(ctx.portal(), ctx.actor(), &client(ctx), command).await;
        payload(ctx.ctx(), done, |c| AddContactPointPayload::done(c.into()), AddContactPointPayload::refused)
    }

    /// Confirms a further contact point by its code; the caller may sign in with it from then on. User errors: CODE_INVALID,
    /// TOO_MANY.
    async fn confirm_contact_point(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: ConfirmContactPointInput,
    ) -> Answer<ConfirmContactPointPayload> {
        let challenge = read!(decode(&input.challenge_id, "input.challengeId"));
        let done = contacts::confirm_contact_point(ctx.portal(), ctx.actor(), &client(ctx), challenge, &input.code).await;
        payload(ctx.ctx(), done, |p| ConfirmContactPointPayload::done(p.into()), ConfirmContactPointPayload::refused)
    }

    /// Signs in by password; an account with a second factor is asked for it. Unknown, wrong, locked and disabled have one
    /// answer. User errors: SIGN_IN_FAILED.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: SignInInput,
    ) -> Answer<SignInPayload> {
        let done = sign_in::sign_in(ctx.portal(), ctx.actor(), &client(ctx), &input.contact, &input.password).await;
        let result = |signed| SignInResult::of(ctx, signed, input.transport);
        payload(ctx.ctx(), done, |s| SignInPayload::done(result(s)), SignInPayload::refused)
    }

    /// Ends a sign-in or a recovery that waits for a second factor, with a session in which roles of staff are in force. A
    /// code is good for its 30 seconds and those before and after, and once; a challenge for five tries. User errors:
    /// CODE_INVALID.
    async fn complete_sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: CompleteSignInInput,
    ) -> Answer<CompleteSignInPayload> {
        let challenge = read!(decode(&input.challenge_id, "input.challengeId"));
        let done = sign_in::complete_sign_in(ctx.portal(), ctx.actor(), &client(ctx), challenge, &input.code).await;
        payload(ctx.ctx(), done, |p| CompleteSignInPayload::done(SessionPairObject::of(ctx, p, input.transport)), CompleteSignInPayload::refused)
    }

    /// A new pair for a refresh token, which is spent by it. A token spent before ends the session; within a minute, and
    /// while the new pair was not used, it works once more (the answer was lost). A token that came by cookie is answered
    /// by cookie only. User errors: REFRESH_INVALID.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: RefreshSessionInput,
    ) -> Answer<RefreshSessionPayload> {
        // What came by cookie goes back by cookie alone: no script of a page may turn it into a token that it can read.
        let cookie = ctx.data_opt::<RefreshCookie>();
        let (token, transport) = match (input.refresh_token, cookie) {
            (Some(given), Some(cookie)) if given == cookie.0 => (given, Transport::Cookie),
            (Some(given), _) => (given, input.transport),
            (None, Some(cookie)) => (cookie.0.clone(), Transport::Cookie),
            (None, None) => (String::new(), input.transport),
        };
        let done = sessions::refresh_session(ctx.portal(), ctx.actor(), &token).await;
        payload(ctx.ctx(), done, |p| RefreshSessionPayload::done(SessionPairObject::of(ctx, p, transport)), RefreshSessionPayload::refused)
    }

    /// Ends the session of this request. User errors: NOT_FOUND (it ended meanwhile).
    async fn sign_out(&self, ctx: &Context<'_>) -> Answer<SignOutPayload> {
        let done = sessions::sign_out(ctx.portal(), ctx.actor()).await;
        for cookie in model::clearing_cookies() {
            ctx.append_http_header("set-cookie", cookie);
        }
        payload(ctx.ctx(), done, |id| SignOutPayload::done(encode(id)), SignOutPayload::refused)
    }

    /// Ends one of the viewer's sessions. User errors: NOT_FOUND.
    async fn end_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: EndSessionInput,
    ) -> Answer<EndSessionPayload> {
        let id = read!(decode(&input.session_id, "input.sessionId"));
        payload(ctx.ctx(), sessions::end_session(ctx.portal(), ctx.actor(), id).await, |id| EndSessionPayload::done(encode(id)), EndSessionPayload::refused)
    }

    /// Ends all of the viewer's sessions. No user errors.
    async fn end_all_sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: EndAllSessionsInput,
    ) -> Answer<EndAllSessionsPayload> {
        let done = sessions::end_all_sessions(ctx.portal(), ctx.actor(), input.keep_current).await;
        payload(ctx.ctx(), done, EndAllSessionsPayload::done, EndAllSessionsPayload::refused)
    }

    /// Takes the role of a one-time token. User errors: TOKEN_INVALID, OWN_GRANT, ADMINISTRATORS_APART, ALREADY_EXISTS.
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: AcceptInvitationInput,
    ) -> Answer<AcceptInvitationPayload> {
        let done = grants::accept_invitation(ctx.portal(), ctx.actor(), &input.token).await;
        payload(ctx.ctx(), done, |g| AcceptInvitationPayload::done(g.into()), AcceptInvitationPayload::refused)
    }

    /// Sends a one-time token that gives a role. For system administration. User errors: CONTACT_MALFORMED,
    /// NOT_ALLOWED, REQUIRED, NOT_FOUND, MALFORMED, IDEMPOTENCY_KEY_REUSED.
    async fn invite_staff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: InviteStaffInput,
    ) -> Answer<InviteStaffPayload> {
        let done = match read!(scope(input.unit_id.as_ref(), input.body_id.as_ref())) {
            Err(refused) => Err(refused),
            Ok(scope) => {
                let command = InviteStaff { contact: input.contact, role: input.role, scope, language: input.language.map_or(ctx.language(), Into::into) };
                grants::invite_staff(ctx.portal(), ctx.actor(), command, &input.idempotency_key).await
            }
        };
        let invitation = |i: InvitationRow| StaffInvitation { id: encode(i.id), role: i.role, expires_at: Instant(i.expires_at) };
        payload(ctx.ctx(), done, |i| InviteStaffPayload::done(invitation(i)), InviteStaffPayload::refused)
    }

    /// Gives a role. For security administration. User errors: NOT_FOUND, NOT_ALLOWED, REQUIRED, OWN_GRANT,
    /// ADMINISTRATORS_APART, ALREADY_EXISTS, MALFORMED, IDEMPOTENCY_KEY_REUSED.
    async fn grant_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: GrantRoleInput,
    ) -> Answer<GrantRolePayload> {
        let person = read!(decode(&input.person_id, "input.personId"));
        let done = match read!(scope(input.unit_id.as_ref(), input.body_id.as_ref())) {
            Err(refused) => Err(refused),
            Ok(scope) => grants::grant_role(ctx.portal(), ctx.actor(), GrantRole { person, role: input.role, scope }, &input.idempotency_key).await,
        };
        payload(ctx.ctx(), done, |g| GrantRolePayload::done(g.into()), GrantRolePayload::refused)
    }

    /// Ends a role at once. For security administration. User errors: NOT_FOUND, OWN_GRANT.
    async fn end_grant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The values to work with; everything wrong with them is told at once in `userErrors`.")] input: EndGrantInput,
    ) -> Answer<EndGrantPayload> {
        let id = read!(decode(&input.grant_id, "input.grantId"));
        payload(ctx.ctx(), grants::end_grant(ctx.portal(), ctx.actor(), id).await, |g| EndGrantPayload::done(g.into()), EndGrantPayload::refused)
    }
}
