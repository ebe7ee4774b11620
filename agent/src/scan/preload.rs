//! `/etc/ld.so.preload`: a library in it is loaded into every program.

use super::check::Check;
use super::cx::Cx;
use super::text;
use super::unread::{Optional as _, Unread};
use spec::Severity;

/// A library that every program loads.
pub(super) static PRELOAD: Check = Check {
    id: "ld-so-preload",
    severity: Severity::Critical,
    title: "A library is loaded into every program",
    remediation: "Find out which change added the line to /etc/ld.so.preload. If none did, keep a copy of the library, \
                  take the machine off the network and start it from other media: programs on it cannot be trusted.",
};

const FILE: &str = "/etc/ld.so.preload";

/// No such file is how it should be.
pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    let text = cx.source.text(FILE).optional()?.unwrap_or_default();
    let libraries = text::lines(&text)
        .flat_map(|(_, line)| line.split('#').next().unwrap_or_default().split([' ', '\t', ':', ',']));
    let libraries: Vec<String> = libraries.filter(|l| !l.is_empty()).map(str::to_owned).collect();
    for library in libraries {
        let owner = super::package_files::explain(cx, &library);
        let seen = library.clone();
        cx.find(&PRELOAD, library, seen).explained(owner);
    }
    Ok(())
}
