//! The SSH server's configuration: sshd_config(5).
//!
//! ```text
//! config ── lines, quotes, includes     matching ── patterns and whom they are about
//! server ── what holds for a connection, and which connections there are to try
//! ```

mod config;
mod matching;
mod server;

use super::check::Check;
use super::cx::Cx;
use super::unread::Unread;
pub(super) use server::{Passwords, Server, Setting, Somebody, View};

const MAIN: &str = "/etc/ssh/sshd_config";

/// The configuration; `None` if there is no server. What is not understood is unknown for `check`.
pub(super) fn read(cx: &mut Cx<'_>, check: &'static Check) -> Result<Option<Server>, Unread> {
    if cx.source.lstat(MAIN).is_err_and(|unread| unread.is_missing()) {
        return Ok(None);
    }
    let nodes = config::Reader::default().read(cx, check, MAIN, 0)?;
    Ok(Some(Server { nodes }))
}

/// Whether a list of patterns, some of them negated, brings in a name.
pub(super) fn in_list(name: &str, list: &str) -> bool {
    matching::in_list(name, list) == Some(true)
}
