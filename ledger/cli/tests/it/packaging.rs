//! What is handed out, as far as its texts show what is wrong with it: scripts, units, the container, the manifests.
//! `packaging/try` runs the packages.

use crate::workspace::root;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn scripts_can_be_read_by_their_shells() {
    let scripts = ["postinst", "prerm", "postrm"];
    let of = |package: &str| scripts.map(|script| ("sh", format!("packaging/debian/{package}/{script}")));
    let own = [("bash", "packaging/dist".to_owned()), ("bash", "packaging/try".to_owned())];
    for (shell, path) in own.into_iter().chain(of("vaultmesh-ledger")).chain(of("vaultmesh-agent")) {
        let output = Command::new(shell).arg("-n").arg(root().join(&path)).output().unwrap();
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        let stops = text(&path);
        assert!(stops.contains("\nset -e"), "{path} goes on after a failure");
    }
}

#[test]
fn one_layout_of_paths() {
    for (unit, run) in [
        (
            "ledger/systemd/vaultmesh-ledger.service",
            "/usr/bin/ledger serve --init --data /var/lib/vaultmesh/ledger",
        ),
        ("agent/systemd/vaultmesh-agent.service", "/usr/bin/vaultmesh-agent run"),
    ] {
        let text = text(unit);
        assert!(text.contains(&format!("ExecStart={run}\n")), "{unit}");
        assert!(!text.contains("/usr/local"), "{unit}");
        for line in text.lines().filter(|line| line.starts_with("EnvironmentFile=")) {
            let file = line.trim_start_matches("EnvironmentFile=-");
            assert!(file.starts_with("/etc/vaultmesh/"), "{unit}: {line}");
        }
    }
    for package in ["vaultmesh-ledger", "vaultmesh-agent"] {
        let name = package.trim_start_matches("vaultmesh-");
        let conffiles = text(&format!("packaging/debian/{package}/conffiles"));
        assert_eq!(conffiles, format!("/etc/vaultmesh/{name}.env\n"));
        let purge = text(&format!("packaging/debian/{package}/postrm"));
        assert!(purge.contains(&format!("rm -rf /var/lib/vaultmesh/{name}\n")), "{package}");
        let question = text(&format!("packaging/debian/{package}/templates"));
        assert!(question.contains("\nDefault: false\n"), "{package} keeps data that nobody was asked about");
    }
}

#[test]
fn the_container_has_a_user_a_volume_and_a_base_that_does_not_move() {
    let container = text("packaging/Containerfile").replace("\\\n", " ");
    let lines = container.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(' ')).collect();
    let of = |word: &str| words.iter().filter(|(w, _)| *w == word).map(|(_, rest)| *rest).collect::<Vec<_>>();
    let [from] = of("FROM")[..] else { panic!("one base is expected") };
    let (_, tag) = from.rsplit_once(':').unwrap();
    assert!(tag.contains('.') && !tag.contains("latest"), "{from}");
    assert_eq!(of("USER"), ["vaultmesh"]);
    assert_eq!(of("VOLUME"), ["[\"/var/lib/vaultmesh/ledger\"]"]);
    assert_eq!(of("EXPOSE"), ["8088"]);
    assert!(of("ADD").is_empty() && of("MAINTAINER").is_empty());
    for run in of("RUN") {
        assert!(run.contains("--no-install-recommends") && run.contains("/var/lib/apt/lists/"), "{run}");
    }
    let last_root = words.iter().rposition(|(word, _)| *word == "RUN").unwrap();
    let user = words.iter().position(|(word, _)| *word == "USER").unwrap();
    assert!(last_root < user, "what is installed is installed by root");
}

fn manifests() -> Vec<Value> {
    let text = text("packaging/kubernetes/ledger.yaml");
    text.split("\n---\n").map(|document| serde_norway::from_str(document).unwrap()).collect()
}

#[test]
fn manifests_fit_together() {
    let all = manifests();
    let kinds: Vec<&str> = all.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ServiceAccount", "Service", "StatefulSet"]);
    for one in &all {
        assert_eq!(one["metadata"]["name"], "vaultmesh-ledger");
        assert!(one["apiVersion"].is_string());
    }
    let (service, set) = (&all[1]["spec"], &all[2]["spec"]);
    let pod = &set["template"];
    assert_eq!(service["selector"], pod["metadata"]["labels"]);
    assert_eq!(set["selector"]["matchLabels"], pod["metadata"]["labels"]);
    assert_eq!(set["replicas"], 1, "one ledger has one writer");
    let pod = &pod["spec"];
    let container = &pod["containers"][0];
    let ports: BTreeSet<_> =
        container["ports"].as_array().unwrap().iter().map(|port| port["name"].to_string()).collect();
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let get = &container[probe]["httpGet"];
        assert!(ports.contains(&get["port"].to_string()), "{probe}");
        let document: Value = serde_json::from_str(&text("spec/openapi.json")).unwrap();
        let path = get["path"].as_str().unwrap();
        assert!(document["paths"][path].is_object(), "{probe}: no route {path}");
    }
    let volumes = pod["volumes"].as_array().unwrap().iter().map(|volume| volume["name"].to_string());
    let claims = set["volumeClaimTemplates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|claim| claim["metadata"]["name"].to_string());
    let known: BTreeSet<String> = volumes.chain(claims).collect();
    for mount in container["volumeMounts"].as_array().unwrap() {
        assert!(known.contains(&mount["name"].to_string()), "{mount}");
    }
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    let image = container["image"].as_str().unwrap();
    assert!(!image.ends_with(":latest") && image.rsplit('/').next().unwrap().contains(':'), "{image}");
}
