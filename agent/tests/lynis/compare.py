"""Compares what Lynis and the scan say of one machine, control by control. Fails on a difference nobody explained.

Usage: compare.py NAME LYNIS_LOG LYNIS_REPORT SCAN_JSON
"""

import json
import re
import sys

# Values of settings that are good enough here and not for Lynis, or the other way round.
SETTINGS = {
    "fs.protected_fifos": ({"1"}, "Lynis wants 2; 1 already protects folders that everybody writes to"),
    "fs.protected_regular": ({"1"}, "Lynis wants 2; 1 already protects folders that everybody writes to"),
    "fs.suid_dumpable": ({"2"}, "Lynis wants 0; 2 lets root alone read the core, as systemd-coredump needs it"),
    "kernel.kptr_restrict": ({"1"}, "Lynis wants 2; 1 already hides addresses from all but root"),
    "kernel.perf_event_paranoid": ({"2"}, "Lynis wants 3, which only patched kernels know"),
    "kernel.sysrq": ({"16", "176", "438"}, "Lynis wants 0; what Debian and Arch set lets nobody read or kill"),
    "kernel.unprivileged_bpf_disabled": ({"2"}, "Lynis wants 1; 2 is the same and can be undone by root"),
    "kernel.yama.ptrace_scope": ({"2", "3"}, "Lynis wants 1; more is stricter"),
    "net.ipv4.conf.all.rp_filter": ({"2"}, "Lynis wants 1; 2 is what machines with several ways out need"),
}


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Comparison:
    def __init__(self, name, log, report, scan):
        self.name, self.log, self.report, self.scan = name, read(log), read(report), json.loads(read(scan))
        self.unexplained, self.agreed = [], 0

    def section(self, test):
        """The part of the log that belongs to a test; None if it was not made."""
        parts = re.split(r"Performing test ID ([A-Z]+-\d+)", self.log)
        found = [text for id_, text in zip(parts[1::2], parts[2::2]) if id_ == test]
        return found[0] if found else None

    def told(self, test):
        return f"warning[]={test}|" in self.report or f"suggestion[]={test}|" in self.report

    def found(self, check, wanted=lambda finding: True):
        return {f["subject"] for f in self.scan["findings"] if f["id"] == check and wanted(f)}

    def agree(self, test, check, what, theirs, ours, known=None):
        if theirs == ours:
            self.agreed += 1
            verdict = "both say bad" if ours else "both say good"
        elif known:
            verdict = f"differ ({'only Lynis' if theirs else 'only the scan'} minds): {known}"
        else:
            verdict = f"DIFFER: Lynis says {'bad' if theirs else 'good'}, the scan says {'bad' if ours else 'good'}"
            self.unexplained.append(f"{test} {what}")
        print(f"lynis: {self.name}: {test} {check} {what}: {verdict}")

    def simple(self, test, check, theirs=None, known=None):
        if self.section(test) is None:
            print(f"lynis: {self.name}: {test} {check}: Lynis did not look")
            return
        theirs = self.told(test) if theirs is None else theirs
        self.agree(test, check, "", theirs, bool(self.found(check)), known)


def accounts(c):
    c.simple("AUTH-9204", "uid-zero")
    c.simple("AUTH-9283", "empty-password")
    names = set(re.findall(r"account_without_password\[\]=(.*)", c.report))
    for name in sorted(names | c.found("empty-password")):
        c.agree("AUTH-9283", "empty-password", name, name in names, name in c.found("empty-password"))
    methods = re.search(r"poor password hashing methods found: (.*)", c.section("AUTH-9229") or "")
    methods = methods.group(1).strip() if methods else ""
    known = "5,000 rounds of SHA-crypt are no weakness here" if "default=5000rounds" in methods else None
    c.simple("AUTH-9229", "weak-password-hash", known=known)


def sudo(c):
    section = c.section("AUTH-9252")
    if section is None:
        print(f"lynis: {c.name}: AUTH-9252 sudoers: Lynis did not look: there is no sudo")
        return
    theirs = set(re.findall(r"Result: (?:file|directory) (\S+) has possibly unsafe", section))
    looked = theirs | set(re.findall(r"Result: (?:file|directory) (\S+) (?:permissions|ownership) OK", section))
    ours = c.found("sudoers") | c.found("credential-files")
    for path in sorted(looked):
        found = re.search(rf"directory \({re.escape(path)}\)\n.*?permissions: (\S+)", section)
        open_folder = found and found.group(1).endswith(("r-x", "--x", "r--")) and path not in ours
        known = "Lynis wants the folder closed to others; its names are no secret" if open_folder else None
        c.agree("AUTH-9252", "sudoers", path, path in theirs, path in ours, known)


def settings(c):
    section = c.section("KRNL-6000")
    if section is None:
        return
    bad = dict(re.findall(r"sysctl key (\S+) has a different value .* Real=(.*)", section))
    good = set(re.findall(r"sysctl key (\S+) contains equal", section))
    ours = c.found("kernel-hardening")
    checked = {line.split('"')[1] for line in read(SOURCE).splitlines() if re.match(r'\s*\("[a-z0-9_.]+", Want::', line)}
    for key in sorted((set(bad) | good) & checked):
        values, why = SETTINGS.get(key, (set(), ""))
        known = why if bad.get(key, "").strip() in values else None
        c.agree("KRNL-6000", "kernel-hardening", key, key in bad, key in ours, known)


def mounts(c):
    section = c.section("FILE-6374") or ""
    missing = set(re.findall(r"Could not find mount option (nosuid|nodev) on file system (/tmp|/var/tmp|/dev/shm)\b", section))
    present = set(re.findall(r"GOOD, found mount option (nosuid|nodev) on file system (/tmp|/var/tmp|/dev/shm)\b", section))
    titles = {f["subject"]: f["title"] for f in c.scan["findings"] if f["id"] == "mount-options"}
    for option, path in sorted(missing | present):
        ours = option in titles.get(path, "")
        c.agree("FILE-6374", "mount-options", f"{path} {option}", (option, path) in missing, ours)


def rest(c):
    for test, path in (("FILE-6362", "/tmp"), ("FILE-6363", "/var/tmp")):
        if c.section(test) is not None:
            c.agree(test, "world-writable", path, c.told(test), path in c.found("world-writable"))
    theirs = set(re.findall(r"Result: Promiscuous interface: (\S+)", c.section("NETW-3015") or ""))
    theirs = {name.split("@")[0] for name in theirs}
    ours = {s.removeprefix("interface ") for s in c.found("packet-capture") if s.startswith("interface ")}
    for name in sorted(theirs | ours):
        c.agree("NETW-3015", "packet-capture", name, name in theirs, name in ours)
    c.agree("NETW-3015", "packet-capture", "any interface", bool(theirs), bool(ours))
    ended = set(re.findall(r"certificate\[\]=([^|]*)\|1\|", c.report))
    ours = c.found("certificate-expiry", lambda f: f["severity"] == "high" and f["subject"].startswith("/etc/letsencrypt"))
    for path in sorted(ended | ours):
        c.agree("CRYP-7902", "certificate-expiry", path, path in ended, path in ours)
    section = c.section("SSH-7408") or ""
    if "PermitRootLogin" in section:
        theirs = "|desc:sshd option PermitRootLogin;" in c.report
        c.agree("SSH-7408", "sshd-login", "PermitRootLogin", theirs, "PermitRootLogin" in c.found("sshd-login"))
    else:
        print(f"lynis: {c.name}: SSH-7408 sshd-login: Lynis did not look: no server runs")
    c.simple("KRNL-5830", "reboot-required")
    if c.section("MACF-6290") is not None:
        none = "found no implemented MAC framework" in c.section("MACF-6290")
        tools = "aa-status binary not found" in c.log and "sestatus binary NOT found" in c.log
        known = "Lynis asks aa-status and sestatus, which are not installed; the kernel knows" if tools else None
        c.simple("MACF-6290", "mandatory-access", none, known)


PLANTED = ["uid-zero", "empty-password", "weak-password-hash", "credential-files", "world-writable", "mount-options",
           "packet-capture", "certificate-expiry", "reboot-required"]

if __name__ == "__main__":
    import os

    SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/scan/kernel.rs")
    comparison = Comparison(*sys.argv[1:5])
    for part in (accounts, sudo, settings, mounts, rest):
        part(comparison)
    if comparison.name == "planted":
        missed = [check for check in PLANTED if not comparison.found(check)]
        comparison.unexplained += [f"{check}: planted and not found" for check in missed]
    print(f"lynis: {comparison.name}: {comparison.agreed} agreements, {len(comparison.unexplained)} unexplained differences")
    if comparison.agreed < 8 or comparison.unexplained:
        sys.exit("lynis: " + "; ".join(comparison.unexplained or ["Lynis looked at hardly anything"]))
