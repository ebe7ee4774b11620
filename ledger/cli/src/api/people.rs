//! The operations on organisations and their people.

use super::operations::{All, Said};
use super::reply::Reply;
use super::{Query, routes};
use crate::client::Client;
use crate::failure::Failure;
use service::wire::{
    GrantRequest, InvitationCreated, InvitationRequest, InvitationRow, MemberRow, OrgRow,
    OrganisationRequest, RenameRequest, SuspendRequest, TemplateAnswer,
};
use spec::payload::Role;
use spec::{Name, Uuid};

impl Client {
    pub(crate) async fn orgs(&self) -> All<OrgRow> {
        self.once(&routes::ORGS, &[], Query::default()).await
    }

    pub(crate) async fn create_org(&self, request: &OrganisationRequest) -> Said<OrgRow> {
        self.tell(&routes::CREATE_ORG, &[], request).await
    }

    pub(crate) async fn rename_org(&self, org: &Name, request: &RenameRequest) -> Said<OrgRow> {
        self.tell(&routes::RENAME_ORG, &[org], request).await
    }

    pub(crate) async fn suspend_org(&self, org: &Name, request: &SuspendRequest) -> Said<OrgRow> {
        self.tell(&routes::SUSPEND_ORG, &[org], request).await
    }

    pub(crate) async fn resume_org(&self, org: &Name) -> Said<OrgRow> {
        self.ask(&routes::RESUME_ORG, &[org], Query::default(), None).await?.json().map(Reply::of)
    }

    pub(crate) async fn members(&self, org: &Name) -> All<MemberRow> {
        self.once(&routes::MEMBERS, &[org], Query::default()).await
    }

    pub(crate) async fn grant(&self, org: &Name, request: &GrantRequest) -> Said<MemberRow> {
        self.tell(&routes::GRANT_ROLE, &[org], request).await
    }

    pub(crate) async fn end_role(&self, org: &Name, user: Uuid, role: Role) -> Result<(), Failure> {
        self.end(&routes::END_ROLE, &[org, &user, &role.as_str()], Query::default()).await
    }

    pub(crate) async fn invite(&self, org: &Name, request: &InvitationRequest) -> Said<InvitationCreated> {
        self.tell(&routes::CREATE_INVITATION, &[org], request).await
    }

    pub(crate) async fn invitations(&self, org: &Name) -> All<InvitationRow> {
        self.once(&routes::INVITATIONS, &[org], Query::default()).await
    }

    pub(crate) async fn uninvite(&self, org: &Name, id: Uuid) -> Result<(), Failure> {
        self.end(&routes::REMOVE_INVITATION, &[org, &id], Query::default()).await
    }

    pub(crate) async fn config_template(&self, org: &Name, query: Query) -> Said<TemplateAnswer> {
        self.get(&routes::CONFIG_TEMPLATE, &[org], query).await
    }
}
