//! PAM: `pamtester` tries to come in as several accounts with a wrong password.

use super::Judge;
use proptest::collection::vec;
use proptest::prelude::*;
use std::process::{Command, Stdio};
use testing::judges::case::{Files, file};
use testing::judges::place::Place;

pub(super) const JUDGE: Judge =
    Judge { name: "pam", cases: include_str!("cases/pam.txt"), generated, disagreement };

/// Who tries: root, a person, one of the system, one of a group that a case names.
const USERS: [&str; 4] = ["root", "ops", "daemon", "dev"];

/// The service that every case has.
const SERVICE: &str = "door";

fn admitted() -> Vec<&'static str> {
    let waiting: Vec<_> = USERS
        .iter()
        .map(|user| {
            let mut command = Command::new("pamtester");
            command.args([SERVICE, user, "authenticate"]);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            // Who is not asked does not read it.
            let _ =
                std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"wrong\nwrong\nwrong\nwrong\n");
            (*user, child)
        })
        .collect();
    let answers = waiting.into_iter().map(|(user, mut child)| (user, child.wait().unwrap().success()));
    answers.filter(|(_, admitted)| *admitted).map(|(user, _)| user).collect()
}

fn disagreement(place: &Place) -> Option<String> {
    let scan = place.scan();
    let admitted = admitted();
    let said: Vec<&str> = scan
        .findings
        .iter()
        .filter(|finding| {
            finding.id.as_str() == "login-drift" && finding.title.contains(&format!(": {SERVICE}, by"))
        })
        .map(|finding| finding.title.as_str())
        .collect();
    (admitted.is_empty() != said.is_empty())
        .then(|| format!("PAM lets {admitted:?} in with a wrong password, the scan says {said:?}"))
}

fn one_of(words: &'static [&'static str]) -> BoxedStrategy<String> {
    proptest::sample::select(words).prop_map(str::to_owned).boxed()
}

const MODULES: &[&str] = &[
    "pam_permit.so",
    "pam_permit.so",
    "pam_deny.so",
    "pam_unix.so nodelay",
    "pam_unix.so nodelay",
    "pam_env.so",
    "pam_warn.so",
    "pam_localuser.so",
    "pam_shells.so",
    "pam_succeed_if.so quiet uid >= 1000",
    "pam_succeed_if.so quiet user = root",
    "pam_succeed_if.so quiet uid < 1000 user != root",
    "pam_succeed_if.so quiet user ingroup wheel:root",
    "pam_debug.so",
    "pam_debug.so auth=perm_denied",
    "pam_debug.so auth=ignore",
    "pam_debug.so auth=user_unknown",
    "pam_debug.so auth=new_authtok_reqd",
    "pam_debug.so auth=acct_expired",
    "pam_nologin.so",
    "pam_nologin.so successok",
    "pam_faildelay.so delay=0",
    "pam_exec.so quiet /bin/true",
    "pam_listfile.so onerr=succeed item=user sense=allow file=/etc/absent",
    "pam_listfile.so item=user sense=deny file=/etc/absent",
    "pam_listfile.so item=user sense=allow file=/etc/listed",
    "pam_listfile.so onerr=fail item=user sense=deny file=/etc/listed",
    "pam_access.so",
    "pam_limits.so",
    "pam_echo.so hello",
    "pam_mail.so",
    "pam_group.so",
    "pam_motd.so",
    "pam_usertype.so isregular",
    "pam_usertype.so issystem",
];

fn control() -> BoxedStrategy<String> {
    let word =
        one_of(&["required", "requisite", "sufficient", "optional", "Required", "SUFFICIENT", "optional"]);
    let code = one_of(&[
        "success",
        "success",
        "default",
        "default",
        "auth_err",
        "ignore",
        "user_unknown",
        "perm_denied",
        "new_authtok_reqd",
    ]);
    let action = one_of(&["ok", "done", "bad", "die", "ignore", "reset", "1", "2", "3", "done", "ignore"]);
    let pair = (code, one_of(&["=", " = ", "= "]), action)
        .prop_map(|(code, equals, action)| format!("{code}{equals}{action}"));
    let listed = vec(pair, 1..4).prop_map(|pairs| format!("[{}]", pairs.join(" ")));
    let odd = one_of(&[
        "[success=0]",
        "[nonsense]",
        "[success=ok",
        "[success=1 default=ignore nothing=ok]",
        "[]",
        "maybe",
    ]);
    prop_oneof![9 => word, 6 => listed, 1 => odd].boxed()
}

/// A line of a file that may include those of `names`: what is included comes after, and circles have a case of
/// their own.
/// Of a file that Debian's `@include` does not find, what comes depends on what is in the memory.
fn line(names: &'static [&'static str]) -> BoxedStrategy<String> {
    let Some((&"absent", there)) = names.split_last() else { panic!("the last name is of no file") };
    let there = proptest::sample::select(there).prop_map(str::to_owned);
    let gap = one_of(&[" ", "\t", "   ", " \\\n ", "\\\n", " \\ \n\t"]);
    let kind = prop_oneof![9 => Just("auth"), 1 => Just("-auth"), 1 => Just("Auth"), 1 => Just("account"), 1 => Just("session")];
    let module = (kind, gap.clone(), control(), gap.clone(), one_of(MODULES))
        .prop_map(|(kind, a, control, b, module)| format!("{kind}{a}{control}{b}{module}"));
    let include = (one_of(&["include", "substack", "Include"]), gap, one_of(names))
        .prop_map(|(word, gap, name)| format!("auth {word}{gap}{name}"));
    let at = (one_of(&[" ", "\t", "  "]), there).prop_map(|(gap, name)| format!("@include{gap}{name}"));
    let remark = one_of(&["# auth sufficient pam_permit.so", "", "  ", "#\\"]);
    let end = one_of(&["", "", "", " # why", "  ", "# \\"]);
    let text = prop_oneof![12 => module, 3 => include, 2 => at, 1 => remark];
    (text, end).prop_map(|(text, end)| format!("{text}{end}\n")).boxed()
}

fn lines(names: &'static [&'static str], most: usize) -> BoxedStrategy<String> {
    vec(line(names), 0..most).prop_map(|lines| lines.concat()).boxed()
}

fn generated() -> BoxedStrategy<Files> {
    let c = vec((control(), one_of(MODULES)), 0..3).prop_map(|lines| {
        lines.iter().map(|(control, module)| format!("auth {control} {module}\n")).collect::<String>()
    });
    let places = one_of(&["etc/pam.d/door", "etc/pam.d/door", "usr/lib/pam.d/door"]);
    let door = lines(&["a", "b", "/etc/pam.d/a", "c", "absent"], 7);
    (door, lines(&["b", "c", "/etc/pam.d/b", "absent"], 4), lines(&["c", "absent"], 4), c, places)
        .prop_map(|(door, a, b, c, place)| {
            vec![
                file("etc/listed", 0o644, "ops\n"),
                file("etc/security/access.conf", 0o644, "# nothing\n"),
                file("etc/pam.d/a", 0o644, a),
                file("etc/pam.d/b", 0o644, b),
                file("etc/pam.d/c", 0o644, c),
                file(&place, 0o644, door),
            ]
        })
        .boxed()
}
