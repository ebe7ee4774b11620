//! Sources of packages and settings, each with what apt and pacman themselves make of it (apt 2.6 and 3.0, pacman 6).

use super::Machine;

/// Subjects of the findings of `apt-source`.
fn found(machine: &Machine) -> Vec<String> {
    let findings = machine.scan().findings.into_iter();
    let lax = findings.filter(|f| f.id.as_str() == "apt-source" && !f.title.contains("baseline"));
    lax.map(|f| f.subject).collect()
}

fn unknown(machine: &Machine) -> Option<String> {
    let unchecked = machine.scan().unchecked.into_iter();
    unchecked.filter(|u| u.id.as_str() == "apt-source").map(|u| u.reason).next()
}

/// A name below `sources.list.d`, contents, and whether apt takes the source without a signature.
const SOURCES: &[(&str, &str, bool)] = &[
    ("x.list", "deb [trusted=on] file:/srv/repo ./\n", true),
    ("x.list", "deb [trusted=enable] file:/srv/repo ./\n", true),
    ("x.list", "deb\t[arch=amd64 trusted=with]\tfile:/srv/repo\t./\n", true),
    ("x.list", "deb [ trusted=0x1 ] file:/srv/repo ./ # why\n", true),
    ("x.list", "deb [ Trusted=Yes ] file:/srv/repo ./\n", false),
    ("x.list", "deb [trusted=yes trusted=no] file:/srv/repo ./\n", false),
    ("x.list", "deb [trusted=ja] file:/srv/repo ./\n", false),
    ("x.list", "deb [allow-insecure=yes] http://a.example.org/ stable main\n", true),
    ("x.list", "deb [allow-weak=no] http://a.example.org/ stable main\n", false),
    ("x.list", "# deb [trusted=yes] file:/srv/repo ./\n", false),
    ("x.list", "deb cdrom:[Debian GNU/Linux 12 _Bookworm_ - DVD [1]]/ bookworm main\n", false),
    ("a:b.list", "deb [trusted=yes] file:/srv/repo ./\n", true),
    ("repo+old.list", "deb [trusted=yes] file:/srv/repo ./\n", false),
    ("a b.list", "deb [trusted=yes] file:/srv/repo ./\n", false),
    (".x.list", "deb [trusted=yes] file:/srv/repo ./\n", false),
    ("x.sources", "Types: deb\nURIs: file:/srv/repo\nSuites: ./\nEnabled: no # tmp\nTrusted: yes\n", true),
    ("x.sources", "Types: deb\nURIs: file:/srv/repo\nSuites: ./\nTrusted: yes\nEnabled: on\n", true),
    ("x.sources", "Types: deb\nURIs: file:/srv/repo\nSuites: ./\nTrusted: yes\nEnabled: ja\n", true),
    ("x.sources", "Types: deb\nURIs: file:/srv/repo\nSuites: ./\nTrusted: yes\nEnabled: no\n", false),
    ("x.sources", "Types: deb\nURIs: file:/srv/repo\nSuites: ./\nTrusted : yes\n", true),
    ("x.sources", "types: deb\nuris: file:/srv/repo\nsuites: ./\ntrusted: on\n", true),
    ("x.sources", "Types: deb\nURIs: file:/srv/repo\nSuites: ./\nTrusted: no\nTrusted: yes\n", true),
    ("x.sources", "Types: deb\nURIs: file:/srv/repo\nSuites: ./\nTrusted: yes\nTrusted: no\n", false),
    (
        "x.sources",
        "Types: deb\nURIs: http://a.example.org\nSuites: s\nComponents: c\nAllow-Insecure: yes\n",
        false,
    ),
    (
        "x.sources",
        "# how to\n# upgrade\n\n## section\nTypes: deb\nURIs: file:/srv/other\nSuites: ./\n\n## more\nTypes: deb\nURIs: file:/srv/repo\nSuites: ./\nTrusted: yes\n",
        true,
    ),
    ("x.sources", "Types: deb\nURIs:\n file:/srv/repo\nSuites: ./\nTrusted:\n yes\n", true),
    (
        "x.sources",
        "Types: deb\nURIs: file:/srv/repo2\nSuites: ./\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEYCQj\n -----END PGP PUBLIC KEY BLOCK-----\n",
        false,
    ),
];

#[test]
fn a_source_is_trusted_when_apt_trusts_it() {
    for (name, text, lax) in SOURCES {
        let machine = Machine::healthy();
        machine.put(&format!("etc/apt/sources.list.d/{name}"), text);
        let found = found(&machine);
        assert_eq!(!found.is_empty(), *lax, "{name}: {text}{found:?}");
        assert_eq!(unknown(&machine), None, "{name}: {text}");
    }
}

#[test]
fn what_apt_refuses_is_unknown() {
    for (name, text) in [
        ("x.list", "debian\n"),
        ("x.list", "deb [trusted=yes file:/srv/repo ./\n"),
        ("x.list", "deb [trusted=] file:/srv/repo ./\n"),
        ("x.list", "deb http://a.example.org stable\n"),
        ("x.list", "deb http://a.example.org ./ main\n"),
        ("x.list", "deb [trusted=yes] file:/r ./\ndeb file:/r ./\n"),
        ("x.sources", "URIs: file:/srv/repo\nSuites: ./\n"),
        ("x.sources", "Types: rpm\nURIs: file:/srv/repo\nSuites: ./\n"),
        ("x.sources", "Types: deb\nURIs: file:/srv/repo\nSuites: stable\n"),
        ("x.sources", "nonsense\n"),
    ] {
        let machine = Machine::healthy();
        machine.put(&format!("etc/apt/sources.list.d/{name}"), text);
        assert!(unknown(&machine).is_some(), "{text}");
    }
    let machine = Machine::healthy();
    for path in ["etc/apt/sources.list.d/x.list", "etc/apt/apt.conf.d/x"] {
        std::fs::create_dir_all(machine.path(path).parent().unwrap()).unwrap();
        machine.pipe(path);
        assert!(unknown(&machine).unwrap().contains("/x"), "{path}");
    }
}

/// Contents of a file of settings, and the setting that is then off.
const SETTINGS: &[(&str, Option<&str>)] = &[
    ("APT::Get::AllowUnauthenticated \"true\";", Some("apt::get::allowunauthenticated")),
    ("APT { Get { AllowUnauthenticated \"on\"; }; };", Some("apt::get::allowunauthenticated")),
    ("APT::Get {\n  AllowUnauthenticated // why\n \"1\"; }", Some("apt::get::allowunauthenticated")),
    ("APT::Get::AllowUnauthenticated \"true\"; APT::Get::AllowUnauthenticated \"false\";", None),
    ("APT::Get::AllowUnauthenticated \"true\";\n#clear APT::Get;", None),
    ("// APT::Get::AllowUnauthenticated \"true\";", None),
    ("# APT::Get::AllowUnauthenticated \"true\";", None),
    ("/* APT::Get::AllowUnauthenticated \"true\";\n*/", None),
    ("Acquire::AllowInsecureRepositories yes;", Some("acquire::allowinsecurerepositories")),
    ("ACQUIRE::allowinsecurerepositories 1;", Some("acquire::allowinsecurerepositories")),
    ("Acquire::AllowInsecureRepositories \"vielleicht\";", None),
    ("Acquire::https::Verify-Peer \"false\";", Some("acquire::https::verify-peer")),
    (
        "Acquire::https::a.example.org::Verify-Peer \"no\";",
        Some("acquire::https::a.example.org::verify-peer"),
    ),
    ("Acquire::https::Verify-Peer \"true\";", None),
    ("DPkg::Post-Invoke {\"echo APT::Get::AllowUnauthenticated true;\";};", None),
];

#[test]
fn settings_hold_as_apt_config_dumps_them() {
    for (text, off) in SETTINGS {
        let machine = Machine::healthy();
        machine.put("etc/apt/apt.conf.d/50x", text);
        let expected: Vec<String> =
            off.iter().map(|name| format!("/etc/apt/apt.conf.d/50x {name}")).collect();
        assert_eq!(found(&machine), expected, "{text}");
        assert_eq!(unknown(&machine), None, "{text}");
    }
    for bad in ["{ a \"b\"; };", "APT::Get::AllowUnauthenticated \"true\"", "a b c;", "a { #clear b; };"] {
        let machine = Machine::healthy();
        machine.put("etc/apt/apt.conf.d/50x", bad);
        assert!(unknown(&machine).is_some(), "{bad}");
    }
}

#[test]
fn settings_say_where_more_lies() {
    let machine = Machine::healthy();
    machine.put(
        "etc/apt/apt.conf.d/50x",
        "#include \"/etc/apt/x.inc\";\nDir::Etc::sourcelist \"/etc/apt/other.list\";\n",
    );
    machine.put("etc/apt/x.inc", "Acquire::AllowWeakRepositories \"true\";\n");
    machine.put("etc/apt/other.list", "deb [trusted=yes] file:/srv/repo ./\n");
    // What comes later holds: `apt.conf` is read last, and the folder's files in their order.
    machine.put("etc/apt/apt.conf.d/10x", "APT::Get::AllowUnauthenticated \"true\";\n");
    machine.put("etc/apt/apt.conf", "APT::Get::AllowUnauthenticated \"false\";\n");
    let expected = ["/etc/apt/other.list file:/srv/repo", "/etc/apt/x.inc acquire::allowweakrepositories"];
    assert_eq!(found(&machine), expected);
    for name in ["zz foo", "zz+foo", "zz.bak", ".zz", "zz."] {
        machine.put(&format!("etc/apt/apt.conf.d/{name}"), "APT::Get::AllowUnauthenticated \"true\";\n");
    }
    machine.put("etc/apt/apt.conf", "#include \"/etc/apt/apt.conf\";\n");
    assert!(unknown(&machine).unwrap().contains("too deep"));
}

/// Contents of `pacman.conf`, and the sections that take packages without a signature.
const PACMAN: &[(&str, &[&str])] = &[
    (
        "[options]\nSigLevel = Required DatabaseOptional\nLocalFileSigLevel = Optional\n[core]\nServer = x\n",
        &[],
    ),
    ("[options]\nHoldPkg = pacman\n", &["options"]),
    ("[options]\nSigLevel = Optional\n", &["options"]),
    ("[options]\nSigLevel = Required PackageOptional\n", &["options"]),
    ("[options]\nSigLevel = Required TrustAll\n", &["options"]),
    ("[options]\nSigLevel = Never\nSigLevel = Required\n", &[]),
    ("[options]\nSigLevel = Never PackageRequired\n", &[]),
    ("[options]\nSigLevel = PackageRequired DatabaseNever\n", &[]),
    ("[options]\nSigLevel = Required\n[extra]\nSigLevel = PackageNever\n", &["extra"]),
    ("[options]\nSigLevel = Never\n[extra]\nSigLevel = Required\n", &["options"]),
    ("[options]\nSigLevel = Required\nInclude = /etc/pacman.d/*\n", &["options"]),
    ("[options]\nSigLevel = Required\n[extra]\nInclude = /etc/pacman.d/extra\n", &["extra"]),
    ("[options]\nSigLevel = Required\nLocalFileSigLevel = Never\n", &["LocalFileSigLevel"]),
    ("[options]\nSigLevel = Required\nRemoteFileSigLevel = Never\n", &["RemoteFileSigLevel"]),
    ("[options]\n# SigLevel = Never\nSigLevel = Required\n", &[]),
];

#[test]
fn pacman_asks_for_signatures_where_it_says_so() {
    for (text, sections) in PACMAN {
        let machine = Machine::healthy();
        machine.put("etc/pacman.conf", text);
        machine.put("etc/pacman.d/extra", "SigLevel = Never\n");
        let mut expected: Vec<String> =
            sections.iter().map(|name| format!("/etc/pacman.conf {name}")).collect();
        expected.sort();
        assert_eq!(found(&machine), expected, "{text}");
        assert_eq!(unknown(&machine), None, "{text}");
    }
    for bad in [
        "SigLevel = Never\n",
        "[options]\nSigLevel = Perhaps\n",
        "[options]\nInclude = /etc/absent\n",
        "[options]\nInclude = /etc/pacman.conf\n",
    ] {
        let machine = Machine::healthy();
        machine.put("etc/pacman.conf", bad);
        assert!(unknown(&machine).is_some(), "{bad}");
    }
}
