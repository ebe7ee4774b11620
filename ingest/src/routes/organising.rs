//! The routes of organisations, their people, and how people are let in.

use super::{SMALL, delete, get, post};
use crate::authority::Ingest;
use crate::{members, organisations, sign_in};
use Access::{Anyone, Everywhere, Role};
use axum::http::Method;
use web::openapi::JSON;
use web::{Access, Action, Handler, Route};

const PEOPLE: Access = Role(Action::ManageMembers);
const LEDGER: Access = Everywhere(Action::ManageMembers);

fn put<A: 'static>(path: &'static str, access: Access, handler: impl Handler<Ingest, A>) -> Route<Ingest> {
    Route::new(Method::PUT, path, access, SMALL, handler)
}

pub(super) fn routes() -> Vec<Route<Ingest>> {
    organisations().into_iter().chain(people()).chain(letting_in()).collect()
}

fn organisations() -> Vec<Route<Ingest>> {
    vec![
        get("/api/orgs", Role(Action::Read), organisations::list)
            .called("listOrgs", "Organisations")
            .says("Organisations that the caller may see.")
            .answers(200, JSON, "items: [Organisation]"),
        post("/api/orgs", LEDGER, SMALL, organisations::create)
            .called("createOrg", "Organisations")
            .says("Make an organisation.")
            .body(JSON, "org: Name, name: text..256")
            .answers(201, JSON, "Organisation")
            .refuses(&[409]),
        get("/api/orgs/{org}", Role(Action::Read), organisations::get)
            .called("getOrg", "Organisations")
            .says("One organisation.")
            .takes("org: Name")
            .answers(200, JSON, "Organisation")
            .refuses(&[404]),
        Route::new(Method::PATCH, "/api/orgs/{org}", PEOPLE, SMALL, organisations::rename)
            .called("renameOrg", "Organisations")
            .says("Call an organisation otherwise.")
            .takes("org: Name")
            .body(JSON, "name: text..256")
            .answers(200, JSON, "Organisation")
            .refuses(&[404]),
        post("/api/orgs/{org}/suspend", LEDGER, SMALL, organisations::suspend)
            .called("suspendOrg", "Organisations")
            .says("Keep an organisation's people and tokens out; its nodes go on.")
            .takes("org: Name")
            .body(JSON, "reason: text..1024")
            .answers(200, JSON, "Organisation")
            .refuses(&[404]),
        post("/api/orgs/{org}/resume", LEDGER, super::NONE, organisations::resume)
            .called("resumeOrg", "Organisations")
            .says("Let a suspended organisation's people and tokens in again.")
            .takes("org: Name")
            .answers(200, JSON, "Organisation")
            .refuses(&[404]),
    ]
}

fn people() -> Vec<Route<Ingest>> {
    let (all, invitations) = ("/api/orgs/{org}/members", "/api/orgs/{org}/invitations");
    vec![
        get(all, Role(Action::Read), members::list)
            .called("listMembers", "Members")
            .says("Roles that people have, by person.")
            .takes("org: Name")
            .answers(200, JSON, "items: [Member]"),
        post(all, PEOPLE, SMALL, members::grant)
            .called("grantRole", "Members")
            .says("Give a person a role.")
            .takes("org: Name")
            .body(JSON, "user: Uuid, role: Role, ttl_secs?: 1..316224000, reason?: text..1024")
            .answers(201, JSON, "Member")
            .refuses(&[409]),
        delete("/api/orgs/{org}/members/{user}/{role}", Anyone, members::end)
            .called("endRole", "Members")
            .says("End a role that was granted; an organisation keeps an owner.")
            .takes("org: Name, user: Uuid, role: Role")
            .answers(204, "", "")
            .refuses(&[404, 409]),
        post("/api/orgs/{org}/support", Anyone, SMALL, members::visit)
            .called("visitOrg", "Members")
            .says("Visit an organisation for a while, as support of the ledger.")
            .takes("org: Name")
            .body(JSON, "reason: text..1024, ttl_secs?: 1..604800")
            .answers(201, JSON, "Member"),
        post(invitations, PEOPLE, SMALL, members::invite)
            .called("createInvitation", "Members")
            .says("Invite somebody to a role; the answer is the only one that shows the invitation.")
            .takes("org: Name")
            .body(JSON, "role: Role, ttl_secs?: 1..2592000")
            .answers(201, JSON, "expires_at: time, id: Uuid, invitation: text")
            .refuses(&[409]),
        get(invitations, PEOPLE, members::invitations)
            .called("listInvitations", "Members")
            .says("Invitations that nobody has taken up, without their secrets.")
            .takes("org: Name")
            .answers(200, JSON, "items: [Invitation]"),
        delete("/api/orgs/{org}/invitations/{id}", PEOPLE, members::uninvite)
            .called("removeInvitation", "Members")
            .says("Take an invitation back.")
            .takes("org: Name, id: Uuid")
            .answers(204, "", "")
            .refuses(&[404]),
        post("/api/invitations/accept", Anyone, SMALL, members::accept)
            .called("acceptInvitation", "Members")
            .says("Take up an invitation, as the person that is signed in.")
            .body(JSON, "invitation: text")
            .answers(201, JSON, "Member"),
    ]
}

fn letting_in() -> Vec<Route<Ingest>> {
    let (provider, rules) = ("/api/identity-providers/{id}", "/api/orgs/{org}/sign-in-rules");
    let rule = "/api/orgs/{org}/sign-in-rules/{id}";
    vec![
        get("/api/identity-providers", LEDGER, sign_in::providers)
            .called("listIdentityProviders", "Members")
            .says("Providers that are believed.")
            .answers(200, JSON, "items: [IdentityProvider]"),
        put(provider, LEDGER, sign_in::set_provider)
            .called("setIdentityProvider", "Members")
            .says("Believe a provider of OpenID Connect, or Cloudflare Access.")
            .takes("id: Name")
            .body(
                JSON,
                "issuer: text..2048, audiences: [text], algorithms?: [text], client_id?: text..256, \
                 kind?: oidc/cloudflare-access",
            )
            .answers(200, JSON, "IdentityProvider")
            .refuses(&[409]),
        delete(provider, LEDGER, sign_in::remove_provider)
            .called("removeIdentityProvider", "Members")
            .says("Believe a provider no longer.")
            .takes("id: Name")
            .answers(204, "", "")
            .refuses(&[404]),
        get(rules, PEOPLE, sign_in::rules)
            .called("listSignInRules", "Members")
            .says("Claims that give a role in an organisation.")
            .takes("org: Name")
            .answers(200, JSON, "items: [SignInRule]"),
        put(rule, PEOPLE, sign_in::set_rule)
            .called("setSignInRule", "Members")
            .says("Give a role to whoever comes with a claim.")
            .takes("org: Name, id: Uuid")
            .body(JSON, "provider: Name, claim: text..256, value: text..256, role: Role")
            .answers(200, JSON, "SignInRule")
            .refuses(&[409]),
        delete(rule, PEOPLE, sign_in::remove_rule)
            .called("removeSignInRule", "Members")
            .says("Give it no longer; who had a role by the rule has it no longer.")
            .takes("org: Name, id: Uuid")
            .answers(204, "", "")
            .refuses(&[404]),
    ]
}
