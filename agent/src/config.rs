//! What the environment says. Strings from it are read here and nowhere else.

use crate::heartbeat::SystemSampler;
use crate::procfs::Root;
use spec::Uuid;
use std::path::PathBuf;

/// Where the agent keeps its state unless told otherwise.
pub const DEFAULT_STATE_DIR: &str = "/var/lib/vaultmesh/agent";

/// Where VaultMesh keeps its data on a node unless told otherwise.
pub const DEFAULT_ROOT: &str = "/var/lib/vaultmesh";

/// The unit behind `cloudflare_ok` unless told otherwise.
pub const DEFAULT_CLOUDFLARE_UNIT: &str = "cloudflared.service";

/// Settings from outside. Command-line flags stand above them.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `VAULTMESH_CC_URL` or `RITMA_NODE_CONTROLLER_URL`: where the service is.
    pub url: Option<String>,
    /// `VAULTMESH_STATE_DIR` or `RITMA_KEYSTORE_PATH`: where key, spool and memory are kept.
    pub state_dir: Option<PathBuf>,
    /// `VAULTMESH_ENROLMENT_TOKEN`: the token, out of sight of `ps`.
    pub token: Option<String>,
    /// `VAULTMESH_NODE_ID`: the UUID to enrol under; later, the one to insist on.
    pub node_id: Option<Uuid>,
    /// `VAULTMESH_OS_PROFILE`, such as `ArchVault`; derived from `/etc/os-release` if absent.
    pub os_profile: Option<String>,
    /// `VAULTMESH_ROOT`: where VaultMesh keeps its data on this node.
    pub vaultmesh_root: Option<PathBuf>,
    /// `VAULTMESH_HEARTBEAT_SECS`: seconds between two heartbeats; the service's word if absent.
    pub heartbeat_secs: Option<u64>,
    /// `VAULTMESH_SCAN_SECS`: seconds between two scans; 0 is never.
    pub scan_secs: Option<u64>,
    /// `VAULTMESH_SERVICES`: the units behind `services_ok`, separated by commas or spaces.
    pub services: Vec<String>,
    /// `VAULTMESH_CLOUDFLARE_UNIT`: the unit behind `cloudflare_ok`.
    pub cloudflare_unit: Option<String>,
    /// `VAULTMESH_POLICY`: what this node lets itself be told.
    pub policy: Option<PathBuf>,
    /// `VAULTMESH_LOG`: `error`, `warn`, `info`, `debug` or `trace`.
    pub log: Option<tracing::Level>,
    /// `VAULTMESH_LOG_FORMAT`: `text` or `json`.
    pub log_format: LogFormat,
}

/// The form of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// A variable that does not have the form it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {value:?} is not {expected}")]
pub struct EnvironmentError {
    name: &'static str,
    value: String,
    expected: &'static str,
}

impl Environment {
    /// Reads the variables through `get`. An empty one counts as absent.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let text =
            |names: &[&str]| names.iter().find_map(|name| get(name)).filter(|text| !text.trim().is_empty());
        Ok(Self {
            url: text(&["VAULTMESH_CC_URL", "RITMA_NODE_CONTROLLER_URL"]),
            state_dir: text(&["VAULTMESH_STATE_DIR", "RITMA_KEYSTORE_PATH"]).map(PathBuf::from),
            token: text(&["VAULTMESH_ENROLMENT_TOKEN"]),
            node_id: parsed("VAULTMESH_NODE_ID", "a lowercase UUID", text(&["VAULTMESH_NODE_ID"]))?,
            os_profile: text(&["VAULTMESH_OS_PROFILE"]),
            vaultmesh_root: text(&["VAULTMESH_ROOT"]).map(PathBuf::from),
            heartbeat_secs: parsed(
                "VAULTMESH_HEARTBEAT_SECS",
                "a number of seconds",
                text(&["VAULTMESH_HEARTBEAT_SECS"]),
            )?,
            scan_secs: parsed("VAULTMESH_SCAN_SECS", "a number of seconds", text(&["VAULTMESH_SCAN_SECS"]))?,
            services: text(&["VAULTMESH_SERVICES"]).map(|list| units(&list)).unwrap_or_default(),
            cloudflare_unit: text(&["VAULTMESH_CLOUDFLARE_UNIT"]),
            policy: text(&["VAULTMESH_POLICY"]).map(PathBuf::from),
            log: parsed("VAULTMESH_LOG", "a log level", text(&["VAULTMESH_LOG"]))?,
            log_format: parsed("VAULTMESH_LOG_FORMAT", "text or json", text(&["VAULTMESH_LOG_FORMAT"]))?
                .unwrap_or_default(),
        })
    }

    /// The node's own files, as these settings say to read them.
    pub fn sampler(&self, root: Root) -> SystemSampler {
        SystemSampler {
            root,
            os_profile: self.os_profile.clone(),
            vaultmesh_root: self.vaultmesh_root.clone().unwrap_or_else(|| DEFAULT_ROOT.into()),
            cloudflare_unit: self.cloudflare_unit.clone().unwrap_or_else(|| DEFAULT_CLOUDFLARE_UNIT.into()),
            services: self.services.clone(),
        }
    }
}

fn parsed<T: std::str::FromStr>(
    name: &'static str,
    expected: &'static str,
    value: Option<String>,
) -> Result<Option<T>, EnvironmentError> {
    let Some(value) = value else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| EnvironmentError { name, value, expected })
}

/// Unit names; one without a suffix is a service.
fn units(list: &str) -> Vec<String> {
    list.split([',', ' '])
        .filter(|unit| !unit.is_empty())
        .map(|unit| if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        Environment::read(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn aliases_come_second_and_empty_is_absent() {
        let read_all = read(&[
            ("RITMA_NODE_CONTROLLER_URL", "http://b"),
            ("VAULTMESH_CC_URL", "http://a"),
            ("RITMA_KEYSTORE_PATH", "/keys"),
            ("VAULTMESH_OS_PROFILE", " "),
            ("VAULTMESH_SERVICES", "nginx, ledger.service"),
        ])
        .unwrap();
        assert_eq!(read_all.url.as_deref(), Some("http://a"));
        assert_eq!(read_all.state_dir, Some("/keys".into()));
        assert_eq!(read_all.os_profile, None);
        assert_eq!(read_all.services, ["nginx.service", "ledger.service"]);
        let error = read(&[("VAULTMESH_HEARTBEAT_SECS", "soon")]).unwrap_err();
        assert_eq!(error.to_string(), "VAULTMESH_HEARTBEAT_SECS: \"soon\" is not a number of seconds");
    }
}
