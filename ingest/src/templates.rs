//! `GET /api/orgs/{org}/nodes/config-template`: how a node of an organisation is set up.
//!
//! Everything in a template comes from names and addresses of plain characters, so it means the same in a shell, in
//! systemd, in YAML and in a file of variables. There is no secret in it: the enrolment token is read where it is used.

use crate::authority::Ingest;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::Name;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use web::answer;
use web::problem::Problem;
use web::{Call, bad};

/// Longest address.
const MAX_URL_BYTES: usize = 1024;

/// The purpose of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "kebab-case")]
pub enum TemplateKind {
    /// The agent's file of variables.
    Env,
    /// A unit of systemd that runs the agent.
    Systemd,
    /// User data of a cloud's machine.
    CloudInit,
    /// A file of Compose.
    Container,
    /// The variables of `utld`.
    Utld,
}

/// A file to start from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TemplateAnswer {
    /// What it is for.
    pub kind: TemplateKind,
    /// Where it belongs on the node.
    pub path: String,
    /// Its mode, in octal digits.
    pub mode: String,
    /// Its content.
    pub text: String,
    /// The variables that it sets.
    pub variables: BTreeMap<String, String>,
}

/// What is known of a node that is to be.
struct Wanted {
    org: Name,
    tenant: Option<Name>,
    os_profile: Option<Name>,
    url: String,
    usage_url: Option<String>,
    heartbeat_secs: u64,
}

/// `GET /api/orgs/{org}/nodes/config-template`.
pub(crate) async fn get(ingest: Ingest, call: Call) -> Result<Response<Body>, Problem> {
    let org = call.org_of_path()?;
    let query = call.query(&["kind", "os_profile", "tenant", "url", "usage_url"])?;
    let kind = query.word("kind")?.unwrap_or(TemplateKind::Env);
    let url = match query.get("url") {
        Some(url) => address("url", url)?,
        None => asked(&call)?,
    };
    let wanted = Wanted {
        org,
        tenant: query.parse("tenant")?,
        os_profile: query.parse("os_profile")?,
        url,
        usage_url: query.get("usage_url").map(|url| address("usage_url", url)).transpose()?,
        heartbeat_secs: ingest.heartbeat_secs(),
    };
    Ok(answer::value(StatusCode::OK, &wanted.template(kind)))
}

/// An address of characters that mean themselves wherever a template puts them.
fn address(parameter: &str, text: &str) -> Result<String, Problem> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]".contains(c);
    match rest {
        Some(rest) if !rest.is_empty() && text.len() <= MAX_URL_BYTES && rest.chars().all(plain) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(bad(parameter, "expected an address such as https://vault.example.org")),
    }
}

/// The address that the caller asked, as far as it says.
fn asked(call: &Call) -> Result<String, Problem> {
    let host = call.header("host").unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let ip = name.trim_matches(['[', ']']).parse::<IpAddr>();
    let local = name == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
    let scheme = if local { "http" } else { "https" };
    address("url", &format!("{scheme}://{host}"))
        .map_err(|_| bad("url", "name the address of this service: the request does not"))
}

impl Wanted {
    fn template(&self, kind: TemplateKind) -> TemplateAnswer {
        let variables = if kind == TemplateKind::Utld { self.of_utld() } else { self.of_agent() };
        let (path, mode, text) = match kind {
            TemplateKind::Env => ("/etc/vaultmesh/agent.env", "0640", lines(&variables, "", "=")),
            TemplateKind::Utld => ("/etc/utld/utld.env", "0640", lines(&variables, "", "=")),
            TemplateKind::Systemd => (
                "/etc/systemd/system/vaultmesh-agent.service.d/override.conf",
                "0644",
                format!("[Service]\n{}", lines(&variables, "Environment=", "=")),
            ),
            TemplateKind::CloudInit => ("user-data", "0600", self.cloud_init(&variables)),
            TemplateKind::Container => ("compose.yaml", "0644", container(&variables)),
        };
        TemplateAnswer { kind, path: path.to_owned(), mode: mode.to_owned(), text, variables }
    }

    fn of_agent(&self) -> BTreeMap<String, String> {
        let mut all = self.common();
        let mut set = |name: &str, value: String| all.insert(name.to_owned(), value);
        set("VAULTMESH_CC_URL", self.url.clone());
        set("VAULTMESH_HEARTBEAT_SECS", self.heartbeat_secs.to_string());
        set("VAULTMESH_STATE_DIR", STATE_DIR.to_owned());
        if let Some(profile) = &self.os_profile {
            set("VAULTMESH_OS_PROFILE", profile.to_string());
        }
        all
    }

    fn of_utld(&self) -> BTreeMap<String, String> {
        let mut all = self.common();
        let mut set = |name: &str, value: &str| all.insert(name.to_owned(), value.to_owned());
        set("RITMA_CLOUD_ORG_ID", self.org.as_str());
        set("RITMA_CLOUD_URL", &self.url);
        // A key whose standing cannot be asked about signs nothing.
        set("RITMA_ENFORCE_KEY_GOVERNANCE", "1");
        set("UTLD_SOCKET", "/run/utld/utld.sock");
        set("UTLD_TLS_ADDR", "127.0.0.1:8443");
        if let Some(url) = &self.usage_url {
            set("UTLD_USAGE_HTTP_URL", url);
        }
        all
    }

    fn common(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::from([
            ("RITMA_KEYSTORE_PATH".to_owned(), STATE_DIR.to_owned()),
            ("RITMA_NODE_CONTROLLER_URL".to_owned(), self.url.clone()),
            ("RITMA_NODE_ORG_ID".to_owned(), self.org.to_string()),
        ]);
        if let Some(tenant) = &self.tenant {
            all.insert("RITMA_NODE_TENANT_ID".to_owned(), tenant.to_string());
        }
        all
    }

    fn cloud_init(&self, variables: &BTreeMap<String, String>) -> String {
        let env = lines(variables, "      ", "=");
        format!(
            "#cloud-config\nwrite_files:\n  - path: /etc/vaultmesh/agent.env\n    permissions: \"0640\"\n    \
             content: |\n{env}runcmd:\n  - [sh, -c, \"vaultmesh-agent enroll --url {} --token - < \
             /etc/vaultmesh/enrolment-token\"]\n  - [systemctl, enable, --now, vaultmesh-agent.service]\n",
            self.url
        )
    }
}

/// Where the agent keeps its key.
const STATE_DIR: &str = "/var/lib/vaultmesh/agent";

fn lines(variables: &BTreeMap<String, String>, before: &str, between: &str) -> String {
    variables.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{before}{name}{between}{value}");
        text
    })
}

fn container(variables: &BTreeMap<String, String>) -> String {
    let env = variables.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "      {name}: \"{value}\"");
        text
    });
    format!(
        "services:\n  vaultmesh-agent:\n    image: vaultmesh-agent\n    command: [run]\n    restart: unless-stopped\n    \
         environment:\n{env}    volumes:\n      - vaultmesh-agent:{STATE_DIR}\n      - /:/host:ro\nvolumes:\n  \
         vaultmesh-agent: {{}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            org: "acme".parse().unwrap(),
            tenant: Some("prod".parse().unwrap()),
            os_profile: Some("debian".parse().unwrap()),
            url: "https://vault.example.org".to_owned(),
            usage_url: Some("https://billing.example.org/ingest-usage".to_owned()),
            heartbeat_secs: 30,
        }
    }

    #[test]
    fn every_template_names_the_service_and_holds_no_secret() {
        for kind in [
            TemplateKind::Env,
            TemplateKind::Systemd,
            TemplateKind::CloudInit,
            TemplateKind::Container,
            TemplateKind::Utld,
        ] {
            let made = wanted().template(kind);
            assert!(made.text.contains("https://vault.example.org"), "{kind:?}: {}", made.text);
            assert!(!made.text.contains("vm1."), "{kind:?}");
            for (name, value) in &made.variables {
                assert!(made.text.contains(name) && made.text.contains(value), "{kind:?}: {name}");
            }
        }
        let utld = wanted().template(TemplateKind::Utld).variables;
        for name in ["RITMA_CLOUD_URL", "UTLD_SOCKET", "UTLD_TLS_ADDR", "UTLD_USAGE_HTTP_URL"] {
            assert!(utld.contains_key(name), "{name}");
        }
    }

    #[test]
    fn an_address_means_itself_everywhere() {
        for good in ["https://vault.example.org", "http://127.0.0.1:8088", "https://[::1]:8088/a"] {
            assert_eq!(address("url", good).unwrap(), good);
        }
        assert_eq!(address("url", "https://a/").unwrap(), "https://a");
        for bad in [
            "",
            "https://",
            "ftp://a",
            "https://a b",
            "https://a\"",
            "https://a$(x)",
            "https://a%n",
            "https://a\nB=1",
            "https://u@a",
            "https://a?b",
        ] {
            assert!(address("url", bad).is_err(), "{bad}");
        }
    }
}
