//! The routes of organisations, their people, and how people are let in.

use super::{SMALL, delete, get, post};
use crate::authority::Ingest;
use crate::wire::{
    AcceptRequest, GrantRequest, InvitationCreated, InvitationRequest, InvitationRow, Items, MemberRow,
    OrgRow, OrganisationRequest, ProviderRequest, ProviderRow, RenameRequest, RuleRequest, RuleRow,
    SuspendRequest, VisitRequest,
};
use crate::{members, organisations, sign_in};
use Access::{Anyone, Everywhere};
use axum::http::Method;
use spec::payload::Role;
use spec::{Name, Uuid};
use web::openapi::JSON;
use web::{Access, Action, Handler, Route};

const PEOPLE: Access = Access::Role(Action::ManageMembers);
const LEDGER: Access = Everywhere(Action::ManageMembers);

fn put<A: 'static>(path: &'static str, access: Access, handler: impl Handler<Ingest, A>) -> Route<Ingest> {
    Route::new(Method::PUT, path, access, SMALL, handler)
}

pub(super) fn routes() -> Vec<Route<Ingest>> {
    organisations().into_iter().chain(people()).chain(letting_in()).collect()
}

fn organisations() -> Vec<Route<Ingest>> {
    vec![
        get("/api/orgs", Access::Role(Action::Read), organisations::list)
            .called("listOrgs", "Organisations")
            .says("Organisations that the caller may see.")
            .answers::<Items<OrgRow>>(200, JSON),
        post("/api/orgs", LEDGER, SMALL, organisations::create)
            .called("createOrg", "Organisations")
            .says("Make an organisation.")
            .body::<OrganisationRequest>(JSON)
            .answers::<OrgRow>(201, JSON)
            .refuses(&[409]),
        get("/api/orgs/{org}", Access::Role(Action::Read), organisations::get)
            .called("getOrg", "Organisations")
            .says("One organisation.")
            .takes::<Name>("org", "The organisation.")
            .answers::<OrgRow>(200, JSON),
        Route::new(Method::PATCH, "/api/orgs/{org}", PEOPLE, SMALL, organisations::rename)
            .called("renameOrg", "Organisations")
            .says("Call an organisation otherwise.")
            .takes::<Name>("org", "The organisation.")
            .body::<RenameRequest>(JSON)
            .answers::<OrgRow>(200, JSON),
        post("/api/orgs/{org}/suspend", LEDGER, SMALL, organisations::suspend)
            .called("suspendOrg", "Organisations")
            .says("Keep an organisation's people and tokens out; its nodes go on.")
            .takes::<Name>("org", "The organisation.")
            .body::<SuspendRequest>(JSON)
            .answers::<OrgRow>(200, JSON),
        post("/api/orgs/{org}/resume", LEDGER, super::NONE, organisations::resume)
            .called("resumeOrg", "Organisations")
            .says("Let a suspended organisation's people and tokens in again.")
            .takes::<Name>("org", "The organisation.")
            .answers::<OrgRow>(200, JSON),
    ]
}

fn people() -> Vec<Route<Ingest>> {
    let (all, invitations) = ("/api/orgs/{org}/members", "/api/orgs/{org}/invitations");
    vec![
        get(all, Access::Role(Action::Read), members::list)
            .called("listMembers", "Members")
            .says("Roles that people have, by person.")
            .takes::<Name>("org", "The organisation.")
            .answers::<Items<MemberRow>>(200, JSON),
        post(all, PEOPLE, SMALL, members::grant)
            .called("grantRole", "Members")
            .says("Give a person a role.")
            .takes::<Name>("org", "The organisation.")
            .body::<GrantRequest>(JSON)
            .answers::<MemberRow>(201, JSON)
            .refuses(&[409]),
        delete("/api/orgs/{org}/members/{user}/{role}", Anyone, members::end)
            .called("endRole", "Members")
            .says("End a role that was granted; an organisation keeps an owner.")
            .takes::<Name>("org", "The organisation.")
            .takes::<Uuid>("user", "The person.")
            .takes::<Role>("role", "The role.")
            .answers_nothing(204)
            .refuses(&[409]),
        post("/api/orgs/{org}/support", Anyone, SMALL, members::visit)
            .called("visitOrg", "Members")
            .says("Visit an organisation for a while, as support of the ledger.")
            .takes::<Name>("org", "The organisation.")
            .body::<VisitRequest>(JSON)
            .answers::<MemberRow>(201, JSON),
        post(invitations, PEOPLE, SMALL, members::invite)
            .called("createInvitation", "Members")
            .says("Invite somebody to a role; the answer is the only one that shows the invitation.")
            .takes::<Name>("org", "The organisation.")
            .body::<InvitationRequest>(JSON)
            .answers::<InvitationCreated>(201, JSON)
            .refuses(&[409]),
        get(invitations, PEOPLE, members::invitations)
            .called("listInvitations", "Members")
            .says("Invitations that nobody has taken up, without their secrets.")
            .takes::<Name>("org", "The organisation.")
            .answers::<Items<InvitationRow>>(200, JSON),
        delete("/api/orgs/{org}/invitations/{id}", PEOPLE, members::uninvite)
            .called("removeInvitation", "Members")
            .says("Take an invitation back.")
            .takes::<Name>("org", "The organisation.")
            .takes::<Uuid>("id", "The invitation.")
            .answers_nothing(204),
        post("/api/invitations/accept", Anyone, SMALL, members::accept)
            .called("acceptInvitation", "Members")
            .says("Take up an invitation, as the person that is signed in.")
            .body::<AcceptRequest>(JSON)
            .answers::<MemberRow>(201, JSON),
    ]
}

fn letting_in() -> Vec<Route<Ingest>> {
    let (provider, rules) = ("/api/identity-providers/{id}", "/api/orgs/{org}/sign-in-rules");
    let rule = "/api/orgs/{org}/sign-in-rules/{id}";
    vec![
        get("/api/identity-providers", LEDGER, sign_in::providers)
            .called("listIdentityProviders", "Members")
            .says("Providers that are believed.")
            .answers::<Items<ProviderRow>>(200, JSON),
        put(provider, LEDGER, sign_in::set_provider)
            .called("setIdentityProvider", "Members")
            .says("Believe a provider of OpenID Connect, or Cloudflare Access.")
            .takes::<Name>("id", "The provider.")
            .body::<ProviderRequest>(JSON)
            .answers::<ProviderRow>(200, JSON)
            .refuses(&[409]),
        delete(provider, LEDGER, sign_in::remove_provider)
            .called("removeIdentityProvider", "Members")
            .says("Believe a provider no longer.")
            .takes::<Name>("id", "The provider.")
            .answers_nothing(204),
        get(rules, PEOPLE, sign_in::rules)
            .called("listSignInRules", "Members")
            .says("Claims that give a role in an organisation.")
            .takes::<Name>("org", "The organisation.")
            .answers::<Items<RuleRow>>(200, JSON),
        put(rule, PEOPLE, sign_in::set_rule)
            .called("setSignInRule", "Members")
            .says("Give a role to whoever comes with a claim.")
            .takes::<Name>("org", "The organisation.")
            .takes::<Uuid>("id", "The rule.")
            .body::<RuleRequest>(JSON)
            .answers::<RuleRow>(200, JSON)
            .refuses(&[409]),
        delete(rule, PEOPLE, sign_in::remove_rule)
            .called("removeSignInRule", "Members")
            .says("Give it no longer; who had a role by the rule has it no longer.")
            .takes::<Name>("org", "The organisation.")
            .takes::<Uuid>("id", "The rule.")
            .answers_nothing(204),
    ]
}
