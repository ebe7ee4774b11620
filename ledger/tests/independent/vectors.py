"""Every vector of `spec/vectors` against the verifier beside this file."""

import json
import tempfile

from verifier import billing, canonical, crypto, event, files, packed, payloads, proof
from verifier.audit import Audit
from verifier.canonical import Refused


class Tally:
    def __init__(self):
        self.checked, self.wrong = 0, []

    def same(self, got, expected, what):
        self.checked += 1
        if got != expected:
            self.wrong.append(f"{what}: {got!r}, the vector says {expected!r}")


def refused(action, *arguments):
    """The code with which something is refused, or `None`."""
    try:
        action(*arguments)
    except Refused as error:
        return error.code
    return None


def check_all(folder):
    tally = Tally()
    for name, check in CHECKS.items():
        before = tally.checked
        check(json.loads((folder / name).read_text()), tally)
        print(f"{name}: {tally.checked - before} checked")
    check_invoice((folder / "invoice.jsonl").read_text(), tally)
    for line in tally.wrong:
        print(f"differs: {line}")
    print(f"{tally.checked} checked, {len(tally.wrong)} differ")
    return 1 if tally.wrong or not tally.checked else 0


def check_canonical(vector, tally):
    for case in vector["written"]:
        value = json.loads(case["input"])
        tally.same(canonical.write(value), case["canonical"], case["name"])
        tally.same(refused(canonical.read, case["canonical"].encode()), None, case["name"])
    for case in vector["refused"]:
        tally.same(refused(canonical.read, bytes.fromhex(case["hex"])) is not None, True, case["name"])


def check_event(vector, tally):
    for case in vector["events"]:
        said, payload, _ = event.check_event(case["event"].encode())
        tally.same(said.hash, case["event_hash"], case["event"][:80])
        tally.same(said.holds(), True, "a signature")
        tally.same(refused(payloads.check_payload, said.kind, said.header["schema"]["payload"], payload), None, said.kind)
    for case in vector["refused"]:
        code = refused(check_whole, case["event"].encode("utf-8", "surrogatepass"))
        tally.same(code in (case["code"], "payload-schema"), True, f"{case['name']} ({code}, {case['code']})")


def check_whole(data):
    said, payload, _ = event.check_event(data)
    payloads.check_payload(said.kind, said.header["schema"]["payload"], payload)


def check_entry(vector, tally):
    for case in vector["entries"]:
        record = event.Record(canonical.read(case["record"].encode()))
        tally.same(record.leaf.hex(), case["leaf"], "a leaf")
        tally.same(refused(record.check_payload_hash), None, "a payload")
        erased = event.Record(canonical.read(case["erased"].encode()))
        tally.same((erased.leaf, refused(erased.check_payload_hash)), (record.leaf, "payload-missing"), "erased")
    lines = [case["record"].encode() for case in vector["entries"]]
    for case in vector["commits"]:
        group, lines = b"".join(line + b"\n" for line in lines[: case["records"]]), lines[case["records"] :]
        said = event.commit(case["line"].encode())
        tally.same((said["bytes"], said["hash"]), (len(group), crypto.tagged(4, group).hex()), "a commit line")
    for case in vector["refused"]:
        parse = {
            "commit": event.commit,
            "record": lambda data: event.Record(canonical.read(data)),
            "entry": lambda data: event.Record({"entry": canonical.read(data)}),
        }[case["as"]]
        tally.same(refused(parse, case["line"].encode()) is not None, True, f"{case['as']} {case.get('name', case['line'][:60])}")


def raws(texts):
    return [bytes.fromhex(text) for text in texts]


def check_tree(vector, tally):
    for face, hash_of in (("blake3", crypto.blake3), ("sha256", crypto.sha256)):
        part = vector[face]
        tree, roots, leaves = proof.Tree(hash_of), [hash_of(b"")], []
        for case in part["leaves"]:
            leaves.append(proof.leaf(bytes.fromhex(case["bytes"]), hash_of))
            tally.same(leaves[-1].hex(), case["hash"], "a leaf")
            tree.push(leaves[-1])
            roots.append(tree.root())
        tally.same([root.hex() for root in roots], part["roots"], f"{face} roots")
        root_of = lambda size: roots[size] if size < len(roots) else bytes(32)  # noqa: E731
        for case in part["inclusion"]:
            index, size = case["index"], case["size"]
            leaf = leaves[index] if index < len(leaves) else bytes(32)
            holds = proof.included(leaf, index, size, raws(case["proof"]), root_of(size), hash_of)
            tally.same(holds, case["valid"], f"{face} inclusion {case}")
        for case in part["consistency"]:
            old, new = case["old"], case["new"]
            holds = proof.consistent(old, root_of(old), new, root_of(new), raws(case["proof"]), hash_of)
            tally.same(holds, case["valid"], f"{face} consistency {case}")
    for case in vector["large"]:
        for face, hash_of in (("blake3", crypto.blake3), ("sha256", crypto.sha256)):
            tree = proof.Tree(hash_of)
            for i in range(case["size"]):
                tree.push(proof.leaf(str(i).encode(), hash_of))
            tally.same(tree.root().hex(), case[face], f"{face} of {case['size']}")


def check_map(vector, tally):
    for name, path_of in (("keys", lambda m: proof.key_path(bytes.fromhex(m["key"]))), ("lanes", lambda m: proof.lane_path(bytes.fromhex(m["key"]).decode())), ("deep", lambda m: bytes.fromhex(m["path"]))):  # fmt: skip
        part, members = vector[name], {}
        for member in part["members"]:
            path = path_of(member)
            tally.same(path.hex(), member["path"], f"{name} path")
            members[path] = canonical.j(member["value"])
            tally.same(proof.map_root(members).hex(), member["root"], f"{name} root")
        check_map_proofs(part.get("proofs", []), members, tally, name)
        if "empty" in part:
            tally.same(proof.absent(proof.EMPTY, bytes.fromhex(part["empty"]["path"]), [], None), True, "nothing in nothing")


def check_map_proofs(cases, members, tally, name):
    root = proof.map_root(members)
    for case in cases:
        path = bytes.fromhex(case["path"])
        steps = [(step["bit"], bytes.fromhex(step["sibling"])) for step in case["steps"]]
        if case["present"]:
            tally.same(proof.present(root, path, members[path], steps), True, f"{name} presence")
        else:
            found = bytes.fromhex(case["found"]["path"] if isinstance(case["found"], dict) else case["found"])
            tally.same(proof.absent(root, path, steps, (found, members[found])), True, f"{name} absence")


def check_note(vector, tally):
    _, _, key = proof.vkey(vector["ledger"]["vkey"])
    name, _, witness = proof.vkey(vector["witness"]["vkey"])
    for case in vector["notes"]:
        checkpoint, time, cosigned = proof.opened(case["note"].encode(), [key], [(name, witness)])
        tally.same((checkpoint.size, time), (vector["checkpoint"]["size"], case["time"]), "a note")
        tally.same(len(cosigned), len(case["witnesses"]), "its witnesses")
    for case in vector["refused"]:
        tally.same(refused(proof.opened, case["note"].encode(), [key], [(name, witness)]) is not None, True, "a note to refuse")


def check_signature(vector, tally):
    for case in vector["keys"]:
        tally.same(crypto.is_good_key(bytes.fromhex(case["key"])), case["verdict"] == "accepted", f"key {case}")
    for case in vector["signatures"]:
        holds = crypto.verify(bytes.fromhex(case["key"]), bytes.fromhex(case["sig"]), case["message"].encode())
        tally.same(holds, case["valid"], f"signature {case['flags']}")


def check_cctv(vector, tally):
    """All but those whose challenge is over re-encoded points; four of these hold, for [8][k]A is the identity."""
    hold = (12, 13, 34, 35)
    for case in vector["vectors"]:
        holds = crypto.verify(bytes.fromhex(case["key"]), bytes.fromhex(case["sig"]), case["msg"].encode())
        tally.same(holds, "reencoded_k" not in case["flags"] or case["number"] in hold, f"CCTV {case['number']}")


def check_wycheproof(vector, tally):
    for case in vector["tests"]:
        holds = crypto.verify(*(bytes.fromhex(case[name]) for name in ("key", "sig", "msg")))
        tally.same(holds, case["result"] == "valid" or case["id"] == 151, f"Wycheproof {case['id']}")


def trust_of(said):
    witnesses = [proof.vkey(text) for text in said.get("witnesses", [])]
    return {**said, "witnesses": [(name, key) for name, _, key in witnesses]}


def changed(base, changes):
    """Files with some taken away (`null`), replaced (text), or with bytes put in the place of others."""
    result = dict(base)
    for name, change in changes.items():
        if change is None:
            result.pop(name, None)
        elif isinstance(change, str):
            result[name] = change.encode()
        else:
            data = result.get(name, b"")
            for splice in change:
                start = splice["at"]
                data = data[:start] + splice["put"].encode() + data[start + splice["drop"] :]
            result[name] = data
    return result


def check_audit(vector, tally):
    bases = {name: {file: text.encode() for file, text in base.items()} for name, base in vector["exports"].items()}
    for case in vector["cases"]:
        base = changed(bases[case["export"]], case["files"])
        trust = trust_of(case.get("trust", {}))
        audit = Audit(base, trust, [text.encode() for text in case.get("old", [])], case["covered"])
        tally.same(audit.codes[:1], case["codes"][:1], f"{case['name']} (all: {audit.codes})")
        if not audit.stopped:
            numbers = audit.state.size, audit.covered, audit.tail
            tally.same(numbers, (case["size"], case["covered_size"], case["tail"]), f"numbers of {case['name']}")
    for case in vector["alone"]:
        data, trust = case["file"].encode(), trust_of(case.get("trust", {}))
        beside = {name: text.encode() for name, text in case.get("beside", {}).items()}
        action = {
            "bundle": lambda: files.verify_bundle(data, trust),
            "proofchain": lambda: files.verify_proofchain(data, beside.get, trust, [t.encode() for t in case.get("old", [])]),
            "equivocation": lambda: files.verify_equivocation(data, trust),
        }[case["kind"]]
        tally.same(refused(action), case["codes"][0] if case["codes"] else None, case["name"])
        if case["kind"] == "bundle" and not case["codes"]:
            record, suspect = files.verify_bundle(data, trust)
            tally.same((record.seq, suspect), (case["seq"], case["suspect"]), case["name"])


def check_admission(vector, tally):
    """The log alone, without the files beside it."""

    def codes(log):
        audit = Audit({f"log/{0:020}.jsonl": log.encode()}, is_covered=False)
        return [code for code in audit.codes if code not in BESIDE]

    tally.same(codes(vector["log"]), [], "the log")
    tally.same(codes(vector["log"] + vector["accepted"]), [], "what is accepted")
    for case in vector["refused"]:
        tally.same(codes(vector["log"] + case["appended"]), [case["failure"]["code"]], case["name"])


def check_pack(vector, tally):
    """Packed segments: every line comes back, and whoever reads Parquet counts the same entries."""
    import duckdb

    for case in vector["segments"]:
        data = bytes.fromhex(case["packed"])
        tally.same(packed.plain(data), case["plain"].encode(), case["name"])
        kinds = {}
        for line in case["plain"].splitlines():
            said = json.loads(line) if line.startswith("{") else {}
            if "entry" in said:
                kind = said["entry"]["event"].get("kind")
                kinds[kind] = kinds.get(kind, 0) + 1
        with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
            file.write(data)
            file.flush()
            counted = duckdb.sql(f"select kind, count(*) from '{file.name}' group by kind").fetchall()
        tally.same(dict(counted), kinds, f"{case['name']}: counted by DuckDB")


def check_billing(vector, tally):
    for case in vector["rounding"]:
        tally.same(billing.cents(case["numerator"], case["denominator"]), case["cents"], case)
    entries_of = lambda case: [(one["seq"], one["quantity"], bytes.fromhex(one["leaf"])) for one in case["entries"]]
    for case in vector["sums"]:
        root, quantity = billing.sum_tree(case["metric"], entries_of(case))
        tally.same((root.hex(), quantity), (case["root"], case["quantity"]), f"a sum tree of {len(case['entries'])}")
    for case in vector["lines"]:
        (rate,), span, month = case["book"]["rates"], (case["from"], case["to"]), billing.month_of(case["month"])
        tally.same(refused(payloads.check_payload, "price-book", 1, case["book"]), None, case["event"])
        tally.same(billing.base_line(case["event"], case["book"], span, month), case["base"], case["event"])
        tally.same(billing.usage_line(case["event"], rate, span, month, entries_of(case)), case["line"], case["event"])


def check_invoice(text, tally):
    """A file of evidence, and the same file with anything left out of it."""
    from verifier.event import Record, raw

    def bundle(line):
        record, _ = files.verify_bundle(line.encode() + b"\n")
        note = json.loads(line)["checkpoint"].encode()
        return record.event.hash, record.event.header, record.payload, proof.Checkpoint(proof.note(note)[0])

    def included(value, tree):
        record = Record(value["record"])
        record.check_payload_hash()
        if not proof.included(record.leaf, record.seq, tree.size, [raw(step) for step in value["inclusion"]], tree.root):
            raise ValueError("not in the tree")
        event = record.event
        return {
            "at": record.recorded_at, "hash": event.hash, "header": event.header, "leaf": record.leaf, "payload": record.payload,
            "seq": record.seq,
        }  # fmt: skip

    def proved(lines):
        try:
            return billing.check_evidence("\n".join(lines), bundle, included)
        except (ValueError, KeyError, Refused):
            return None

    lines = text.splitlines()
    total, due = proved(lines)
    tally.same(0 < due < total, True, "what is due")
    for n, line in enumerate(lines):
        without = proved(lines[:n] + lines[n + 1 :])
        tally.same(without, (total, total) if '"corrects"' in line else None, f"without line {n}")
        if n:
            tally.same(proved([*lines, line]), None, f"line {n} twice")


BESIDE = ("root-txt", "proofchain", "uncovered", "ids")
CHECKS = {
    "canonical.json": check_canonical,
    "event.json": check_event,
    "entry.json": check_entry,
    "tree.json": check_tree,
    "map.json": check_map,
    "note.json": check_note,
    "signature.json": check_signature,
    "cctv-ed25519.json": check_cctv,
    "wycheproof-ed25519.json": check_wycheproof,
    "audit.json": check_audit,
    "admission.json": check_admission,
    "organisations.json": check_admission,
    "clock.json": check_admission,
    "nodes.json": check_admission,
    "billing.json": check_billing,
    "pack.json": check_pack,
}
