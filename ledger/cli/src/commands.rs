//! One file for each command.

pub(crate) mod agent;
pub(crate) mod attention;
pub(crate) mod bisect;
pub(crate) mod checkpoint;
pub(crate) mod demo;
pub(crate) mod enroll;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod incidents;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod nodes;
pub(crate) mod orders;
pub(crate) mod prove;
pub(crate) mod reference;
pub(crate) mod reindex;
pub(crate) mod replay;
pub(crate) mod rollouts;
pub(crate) mod schedules;
pub(crate) mod seal;
pub(crate) mod serve;
pub(crate) mod tokens;
pub(crate) mod verify;
pub(crate) mod webhooks;
