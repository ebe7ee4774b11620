//! Certificates that services show, and when they end.
//!
//! The first of a file is the service's own. Of those behind it, one that has ended matters if the chain needs it: if
//! with it the first leads to an authority of the machine, and with those that are still good it does not (RFC 5280,
//! section 6.1: a path ends at a trust anchor).

use super::check::Check;
use super::cx::Cx;
use super::pem::{self, Certificate};
use super::source::{Meta, Type};
use super::unread::{Optional as _, Unread};
use spec::{Severity, Timestamp};

/// A certificate that ends soon, or has.
pub(super) static EXPIRY: Check = Check {
    id: "certificate-expiry",
    severity: Severity::Medium,
    title: "A certificate ends soon",
    remediation: "Renew the certificate and reload what shows it; find out why that did not happen by itself.",
};

/// Where services keep theirs, and how many folders deep they are looked for. Those of authorities, which systems
/// bring in hundreds, are not asked for.
const PLACES: [(&str, usize); 56] = [
    ("/etc/acme", DEEP),
    ("/etc/apache2", DEEP),
    ("/etc/bind", DEEP),
    ("/etc/caddy", DEEP),
    ("/etc/cockpit/ws-certs.d", DEEP),
    ("/etc/consul.d", DEEP),
    ("/etc/courier", DEEP),
    ("/etc/cups/ssl", DEEP),
    ("/etc/docker/certs.d", DEEP),
    ("/etc/dovecot", DEEP),
    ("/etc/ejabberd", DEEP),
    ("/etc/elasticsearch", DEEP),
    ("/etc/etcd", DEEP),
    ("/etc/exim4", DEEP),
    ("/etc/freeradius", DEEP),
    ("/etc/gitlab/ssl", DEEP),
    ("/etc/grafana", DEEP),
    ("/etc/haproxy", DEEP),
    ("/etc/httpd", DEEP),
    ("/etc/ipsec.d/certs", DEEP),
    ("/etc/kubernetes/pki", DEEP),
    ("/etc/ldap", DEEP),
    ("/etc/letsencrypt/live", DEEP),
    ("/etc/lighttpd", DEEP),
    ("/etc/mosquitto", DEEP),
    ("/etc/mysql", DEEP),
    ("/etc/nginx", DEEP),
    ("/etc/nomad.d", DEEP),
    ("/etc/openldap", DEEP),
    ("/etc/openvpn", DEEP),
    ("/etc/pki/tls/certs", DEEP),
    ("/etc/postfix", DEEP),
    ("/etc/postgresql", DEEP),
    ("/etc/proftpd", DEEP),
    ("/etc/prosody", DEEP),
    ("/etc/rabbitmq", DEEP),
    ("/etc/redis", DEEP),
    ("/etc/squid", DEEP),
    ("/etc/ssl", DEEP),
    ("/etc/stunnel", DEEP),
    ("/etc/swanctl", DEEP),
    ("/etc/traefik", DEEP),
    ("/etc/turnserver", DEEP),
    ("/etc/unbound", DEEP),
    ("/etc/valkey", DEEP),
    ("/etc/vault.d", DEEP),
    ("/etc/vaultmesh", DEEP),
    ("/etc/vsftpd", DEEP),
    ("/etc/webmin", 0),
    ("/var/lib/acme", DEEP),
    ("/var/lib/caddy/.local/share/caddy/certificates", DEEP),
    ("/var/lib/kubelet/pki", DEEP),
    ("/var/lib/mysql", 0),
    ("/var/lib/pgsql", 3),
    ("/var/lib/postgresql", 2),
    ("/var/lib/rancher/k3s/server/tls", DEEP),
];

/// How deep configuration is nested at most; what is deeper is unknown. Folders of data are looked into as deep as
/// they keep certificates, and no deeper.
const DEEP: usize = 8;

/// Files of authorities within the places, and the folder in which links are theirs.
const AUTHORITIES: [&str; 3] =
    [BUNDLE, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/certs/ca-bundle.trust.crt"];
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
const OF_AUTHORITIES: &str = "/etc/ssl/certs";

/// Longest file that is read, in bytes: a chain is far shorter, and folders of services hold other things.
const MAX_BYTES: u64 = 512 * 1024;

/// How soon is soon.
const SOON_DAYS: u64 = 21;
const DAY_SECS: u64 = 86_400;

pub(super) fn run(cx: &mut Cx<'_>) -> Result<(), Unread> {
    cx.source.dir("/etc")?;
    let mut authorities = None;
    for (place, deep) in PLACES {
        let mut search = Search { cx, deep, authorities: &mut authorities };
        let outcome = search.visit(place, 0);
        cx.known(&EXPIRY, outcome);
    }
    Ok(())
}

struct Search<'s, 'a> {
    cx: &'s mut Cx<'a>,
    deep: usize,
    /// Certificates of the machine's authorities, once somebody asked.
    authorities: &'s mut Option<Vec<Certificate>>,
}

impl Search<'_, '_> {
    fn visit(&mut self, path: &str, depth: usize) -> Result<(), Unread> {
        if AUTHORITIES.contains(&path) {
            return Ok(());
        }
        // `live` holds links to the newest certificates, so links to files are followed.
        let Some(meta) = self.cx.source.stat(path).optional()? else { return Ok(()) };
        match meta.kind {
            Type::Directory if depth > self.deep => {
                // Of a folder of data the rest is data.
                if self.deep == DEEP {
                    return Err(Unread::odd(path, "is nested too deep"));
                }
            }
            Type::Directory => {
                // Links to directories lead around in circles.
                if depth > 0 && self.cx.source.lstat(path)?.kind == Type::Link {
                    return Ok(());
                }
                for name in self.cx.source.list(path)? {
                    let outcome = self.visit(&format!("{path}/{name}"), depth + 1);
                    self.cx.known(&EXPIRY, outcome);
                }
            }
            Type::File => self.file(path, &meta)?,
            Type::Link | Type::Special => {}
        }
        Ok(())
    }

    fn file(&mut self, path: &str, meta: &Meta) -> Result<(), Unread> {
        let lower = path.to_ascii_lowercase();
        let named = [".pem", ".crt", ".cer", ".cert", ".der"].iter().any(|end| lower.ends_with(end));
        // A folder of data has many files that are none; a folder of authorities has links to theirs.
        let perhaps = self.deep == DEEP && meta.size <= MAX_BYTES;
        if !named && !perhaps {
            return Ok(());
        }
        if super::watch::below(path, OF_AUTHORITIES)
            && (self.cx.source.lstat(path)?.kind == Type::Link || self.cx.packages.owner(path).is_some())
        {
            return Ok(());
        }
        let bytes = self.cx.source.bytes(path)?;
        let all = pem::certificates(&bytes);
        let der = bytes.first() == Some(&0x30);
        if all.contains(&None) && (named || !der) {
            self.cx.unknown(&EXPIRY, format!("{path} is not understood"));
        }
        let all: Vec<Certificate> = all.into_iter().flatten().collect();
        self.judge(path, &all);
        Ok(())
    }

    /// What the ends of a file's certificates mean for whoever is shown them.
    fn judge(&mut self, path: &str, all: &[Certificate]) {
        let Some((own, behind)) = all.split_first() else { return };
        let now = self.cx.now.secs();
        // Of several authorities in one file each is taken for itself.
        let bundle = own.authority && behind.iter().any(|other| other.authority && other.not_after > now);
        if own.not_after <= now {
            let severity = if bundle { Severity::Medium } else { Severity::High };
            self.ended(path, own, &format!("A certificate ended at {}", end(own)), severity);
        } else if own.not_after - now < SOON_DAYS * DAY_SECS {
            self.ended(path, own, &format!("A certificate ends at {}", end(own)), Severity::Medium);
        }
        for other in behind.iter().filter(|other| other.not_after <= now) {
            if own.not_after > now && self.is_needed(other, all) {
                let title =
                    format!("A certificate that the chain needs ended at {}: {}", end(other), other.name);
                self.ended(path, other, &title, Severity::High);
            } else {
                let title = format!(
                    "A certificate behind the first, which is good without it, ended at {}: {}",
                    end(other),
                    other.name
                );
                self.ended(path, other, &title, Severity::Low);
            }
        }
    }

    fn ended(&mut self, path: &str, certificate: &Certificate, title: &str, severity: Severity) {
        self.cx
            .find(&EXPIRY, path, certificate.not_after.to_string())
            .title(title.to_owned())
            .severity(severity);
    }

    /// Whether the chain leads to an authority over one that has ended, and to none over those that are good alone.
    fn is_needed(&mut self, ended: &Certificate, all: &[Certificate]) -> bool {
        let now = self.cx.now.secs();
        let source = self.cx.source;
        let authorities = self.authorities.get_or_insert_with(|| {
            let bundle =
                [BUNDLE, "/etc/pki/tls/certs/ca-bundle.crt"].iter().find_map(|path| source.bytes(path).ok());
            let all = pem::certificates(&bundle.unwrap_or_default()).into_iter().flatten();
            all.filter(|authority| authority.not_after > now).collect()
        });
        let is_known = |name: &[u8]| authorities.iter().any(|authority| authority.subject == name);
        let known = all.iter().any(|other| is_known(&other.issuer) || is_known(&other.subject));
        // Where the machine knows none of them, whoever is shown the file has an authority of its own: where the file
        // stops, or the one that issued itself.
        let trusted = |name: &[u8], chain: &[&Certificate]| {
            all.iter().all(|other| other.subject != name)
                || chain.iter().any(|other| other.subject == name && other.is_root())
        };
        let believed = |name: &[u8], chain: &[&Certificate]| {
            if known { is_known(name) } else { trusted(name, chain) }
        };
        let good: Vec<&Certificate> = all.iter().filter(|other| other.not_after > now).collect();
        let every: Vec<&Certificate> = all.iter().collect();
        let (_, arrives_without) = way_up(&good, |name| believed(name, &good));
        let (over_all, arrives) = way_up(&every, |name| believed(name, &every));
        arrives && !arrives_without && over_all.contains(&ended.subject.as_slice())
    }
}

/// The names that the first of a file leads to, from each to those that bear its issuer's name, and whether one of them
/// is believed: there it stops.
fn way_up<'c>(chain: &[&'c Certificate], believed: impl Fn(&[u8]) -> bool) -> (Vec<&'c [u8]>, bool) {
    let Some(own) = chain.first() else { return (Vec::new(), false) };
    let mut names = vec![own.issuer.as_slice()];
    let (mut seen, mut arrives) = (0, false);
    while let Some(name) = names.get(seen).copied() {
        seen += 1;
        if believed(name) {
            arrives = true;
            continue;
        }
        for issuer in chain.iter().filter(|other| other.subject == name) {
            if !names.contains(&issuer.issuer.as_slice()) {
                names.push(&issuer.issuer);
            }
        }
    }
    (names, arrives)
}

fn end(certificate: &Certificate) -> Timestamp {
    Timestamp::from_millis(certificate.not_after.saturating_mul(1000))
}
