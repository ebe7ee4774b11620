"""What travels without the log: `spec/proof.md`, sections 11 to 13."""

from . import crypto, payloads, proof
from .canonical import Refused, j, read
from .event import Record, raw
from .state import State

PART = payloads.fields(
    file=lambda v: isinstance(v, str), first=payloads.integer(), hash=payloads.is_hash, last=payloads.integer()
)
ROW = payloads.fields(
    checkpoint=lambda v: isinstance(v, str),
    consistency=payloads.array(payloads.is_hash),
    inclusion=payloads.array(payloads.is_hash),
    index=payloads.integer(),
    leaf=payloads.is_hash,
    seq=payloads.integer(),
)
RECORDS = payloads.array(lambda v: isinstance(v, dict))
CHAIN = payloads.fields(
    authority=RECORDS,
    format=payloads.one_of("vaultmesh-proofchain-v1"),
    ledger=payloads.is_hash,
    origin=lambda v: isinstance(v, str),
    parts=payloads.array(PART),
    seals=payloads.array(ROW, 0, 256),
)
STEPS = payloads.array(payloads.fields(bit=payloads.integer(0, 255), sibling=payloads.is_hash))
BUNDLE = payloads.fields(
    lambda v: ("payload" in v) == ("salt" in v),
    authority=RECORDS,
    checkpoint=lambda v: isinstance(v, str),
    entry=lambda v: isinstance(v, dict),
    format=payloads.one_of("vaultmesh-bundle-v1"),
    inclusion=payloads.array(payloads.is_hash),
    introduction=payloads.fields(inclusion=payloads.array(payloads.is_hash), record=lambda v: isinstance(v, dict)),
    key=payloads.fields(path=STEPS, record=lambda v: isinstance(v, dict)),
    ledger=payloads.is_hash,
    _payload=lambda v: isinstance(v, dict),
    _salt=payloads.is_hash,
)
EQUIVOCATION = payloads.fields(
    a=lambda v: isinstance(v, str),
    authority=RECORDS,
    b=lambda v: isinstance(v, str),
    format=payloads.one_of("vaultmesh-equivocation-v1"),
    ledger=payloads.is_hash,
    _leaves=payloads.fields(
        index=payloads.integer(), leaf_a=payloads.is_hash, leaf_b=payloads.is_hash,
        path_a=payloads.array(payloads.is_hash), path_b=payloads.array(payloads.is_hash),
    ),
)  # fmt: skip


def document(data, shape, code):
    """Canonical JSON and one LF, of this shape."""
    try:
        value = read(data[:-1]) if data.endswith(b"\n") else None
    except Refused as error:
        raise Refused(code) from error
    if value is None or not shape(value):
        raise Refused(code)
    return value


def hashes(texts):
    return [raw(text) for text in texts]


class Authority:
    """The ledger's keys and witness sets over time, from the records that name them alone."""

    def __init__(self, state, entries):
        self.state, self.entries, self.ledger, self.origin = state, entries, state.ledger, state.origin


def authority_of(records, code="proofchain"):
    state, entries = State(), []
    try:
        for i, value in enumerate(records):
            record = Record(value)
            event = record.event
            record.check_payload_hash()
            if (event.kind == "genesis") != (i == 0) or event.kind not in ("genesis", "authority", "witness-set"):
                raise Refused(code)
            if (i == 0) != (record.seq == 0) or entries and record.seq <= entries[-1][0] or not event.holds():
                raise Refused(code)
            payloads.check_payload(event.kind, event.header["schema"]["payload"], record.payload)
            if i == 0:
                state.admit_genesis(event, record.payload)
            else:
                if event.key != state.current["service"] or event.header["ledger"] != state.ledger:
                    raise Refused(code)
                getattr(state, "admit_" + event.kind.replace("-", "_"))(record.payload)
            state.apply(record)
            entries.append((record.seq, record.leaf))
    except Refused as error:
        raise Refused(code, str(error)) from error
    if not entries:
        raise Refused(code, "no genesis")
    return Authority(state, entries)


class ProofChain:
    """`PROOFCHAIN.json` with its parts; `missing` says that a part is not at hand or not the one it names."""

    def __init__(self, data, part):
        value = document(data, CHAIN, "proofchain")
        self.ledger, self.origin, self.authority = value["ledger"], value["origin"], value["authority"]
        if not self.origin.endswith(f"/{self.ledger}/blake3") or self.origin.startswith("/"):
            raise Refused("proofchain", "not the origin of the ledger")
        older, following, self.missing, self.absent = [], 0, False, False
        for named in value["parts"]:
            if named["first"] != following or named["last"] < following or named["file"] != f"proofchain/{following}.jsonl":
                raise Refused("proofchain", "parts without gaps")
            following = named["last"] + 1
            content = part(named["file"])
            self.absent = self.absent or content is None
            try:
                older += self.rows_of(named, content or b"")
            except Refused:
                self.missing = True
        if [row["index"] for row in value["seals"]] != list(range(following, following + len(value["seals"]))):
            raise Refused("proofchain", "rows without gaps")
        self.rows = older + value["seals"]
        self.own = value["seals"]

    @staticmethod
    def rows_of(named, content):
        if crypto.tagged(0x16, content).hex() != named["hash"]:
            raise Refused("proofchain")
        rows = [document(line + b"\n", ROW, "proofchain") for line in content.split(b"\n")[:-1]]
        if [row["index"] for row in rows] != list(range(named["first"], named["last"] + 1)):
            raise Refused("proofchain")
        return rows


def check_rows(rows, origin, key_at, after=None):
    """Each row's checkpoint, and what is wrong with the row. `after`: the row before, which stands on its signature."""
    previous, following = (None, 0) if after is None else after
    for row in rows:
        checkpoint, problem = None, None
        try:
            if row["index"] != following:
                raise Refused("proofchain", "not the next")
            data = row["checkpoint"].encode()
            said = proof.Checkpoint(proof.note(data)[0])
            checkpoint, _, _ = proof.opened(data, key_at(said.size), [])
            if checkpoint.origin != origin or checkpoint.size != row["seq"] + 1:
                raise Refused("proofchain", "the checkpoint of something else")
            path = hashes(row["inclusion"])
            if not proof.included(raw(row["leaf"]), row["seq"], checkpoint.size, path, checkpoint.root):
                raise Refused("proofchain", "not included")
            grown = hashes(row["consistency"])
            if previous is None:
                if grown:
                    raise Refused("proofchain", "nothing to be consistent with")
            elif checkpoint.size <= previous.size or not proof.consistent(
                previous.size, previous.root, checkpoint.size, checkpoint.root, grown
            ):
                raise Refused("proofchain", "does not extend")
            previous, following = checkpoint, following + 1
        except Refused as error:
            problem = error
        yield checkpoint, problem


def trusted(checkpoints, set_at, trust, is_pinned):
    """Whether the quorum that is asked for stands behind one of the checkpoints; `None` if none is asked for."""
    named, best = trust.get("witnesses", []), None
    for checkpoint, cosigned in checkpoints:
        _, own = set_at(checkpoint.size)
        counted = [pair for pair in cosigned if not named or pair in named]
        quorum = trust.get("quorum", 0) if named else max(own, trust.get("quorum", 0))
        if quorum:
            best = best or len(counted) >= quorum
    return best if is_pinned or trust.get("quorum") else None


def pin(authority, trust):
    if trust.get("ledger") not in (None, authority.ledger):
        raise Refused("ledger-id")
    return trust.get("ledger") is not None


def verify_proofchain(data, beside=lambda name: None, trust=None, old=()):
    trust, chain = trust or {}, ProofChain(data, beside)
    authority = authority_of(chain.authority)
    if (chain.ledger, chain.origin) != (authority.ledger, authority.origin):
        raise Refused("proofchain")
    is_pinned = pin(authority, trust)
    key_at, set_at = authority.state.checkpoint_key, authority.state.witnesses
    if chain.missing and not chain.absent:
        raise Refused("proofchain", "a part is not the one it names")
    rows, after = chain.rows, None
    if chain.absent:
        rows = chain.own
        first = rows[0] if rows else None
        if first:
            try:
                checkpoint, _, _ = proof.opened(first["checkpoint"].encode(), key_at(first["seq"] + 1), [])
            except Refused as error:
                raise Refused("proofchain") from error
            rows, after = rows[1:], (checkpoint, first["index"] + 1)
    checked = list(check_rows(rows, chain.origin, key_at, after))
    for _, problem in checked:
        if problem:
            raise Refused("proofchain", str(problem))
    checkpoints = ([after[0]] if after else []) + [checkpoint for checkpoint, _ in checked]
    stand = [(checkpoint, []) for checkpoint in checkpoints]
    try:
        said = beside("COSIGNED.txt")
        size = proof.Checkpoint(proof.note(said)[0]).size if said else 0
        known = set_at(size)[0] + trust.get("witnesses", [])
        cosigned, _, lines = proof.opened(said, key_at(size), known) if said else (None, 0, [])
        stand += [(cosigned, lines) for checkpoint in checkpoints if cosigned and checkpoint.text == cosigned.text]
    except Refused:
        pass
    if trusted(stand, set_at, trust, is_pinned) is False:
        raise Refused("witness")
    shown = {row["index"]: (row["leaf"], proof.Checkpoint(proof.note(row["checkpoint"].encode())[0]).text) for row in chain.rows}
    for copy in old:
        older = ProofChain(copy, lambda name: None)
        for row in older.own:
            text = proof.opened(row["checkpoint"].encode(), key_at(row["seq"] + 1), [])[0].text
            if shown.get(row["index"], (row["leaf"], text)) != (row["leaf"], text) or row["index"] > max(shown, default=-1):
                raise Refused("not-extended")
    return authority


def verify_bundle(data, trust=None):
    """What a bundle proves: the record, and whether its key is suspect."""
    trust = trust or {}
    if len(data) > 16 * 1024 * 1024:
        raise Refused("bundle")
    value = document(data, BUNDLE, "bundle")
    authority = authority_of(value["authority"], "bundle")
    if value["ledger"] != authority.ledger:
        raise Refused("bundle")
    is_pinned = pin(authority, trust)
    note = value["checkpoint"].encode()
    size = proof.Checkpoint(proof.note(note)[0]).size
    names, _ = authority.state.witnesses(size)
    known = names + [witness for witness in trust.get("witnesses", []) if witness not in names]
    checkpoint, _, cosigned = proof.opened(note, authority.state.checkpoint_key(size), known)
    if checkpoint.origin != authority.origin:
        raise Refused("checkpoint")
    if trusted([(checkpoint, cosigned)], authority.state.witnesses, trust, is_pinned) is False:
        raise Refused("witness")
    try:
        record = Record({name: value[name] for name in ("entry", "payload", "salt") if name in value})
        introduction = Record(value["introduction"]["record"])
        if record.has_payload:
            record.check_payload_hash()
        introduction.check_payload_hash()
        for item, path in ((record, value["inclusion"]), (introduction, value["introduction"]["inclusion"])):
            if not proof.included(item.leaf, item.seq, size, hashes(path), checkpoint.root):
                raise Refused("bundle", "inclusion")
        check_signer(record, introduction, value, checkpoint, authority)
    except Refused as error:
        raise Refused("signature" if error.code == "signature" else "bundle", str(error)) from error
    since = value["key"]["record"].get("suspect_from")
    return record, since is not None and since <= record.seq


def check_signer(record, introduction, value, checkpoint, authority):
    event, seq, said = record.event, record.seq, value["key"]["record"]
    if event.header["ledger"] != authority.ledger and seq != 0:
        raise Refused("bundle", "for another ledger")
    if not event.holds():
        raise Refused("signature")
    steps = [(step["bit"], raw(step["sibling"])) for step in value["key"]["path"]]
    if not proof.present(checkpoint.keys, proof.key_path(raw(event.key)), j(said), steps):
        raise Refused("bundle", "not in the key map")
    introduced, until = said["introduced"], said.get("until")
    since = introduced < seq or introduced == seq == 0
    last = until == seq and event.kind in ("authority", "key-rotation")
    if not since or until is not None and seq >= until and not last:
        raise Refused("bundle", "not valid")
    if introduction.seq != introduced:
        raise Refused("bundle", "not the introduction")
    kind, payload = introduction.event.kind, introduction.payload
    payloads.check_payload(kind, introduction.event.header["schema"]["payload"], payload)
    if kind == "key-rotation":
        statement = {
            "author": introduction.event.author, "key": payload["key"], "ledger": authority.ledger,
            "replaces": payload["replaces"],
        }  # fmt: skip
        ours = payload["key"] == event.key and introduction.event.author == event.author == said.get("author")
        message = b"vaultmesh/key-possession/v1\n" + j(statement)
        agreed = crypto.verify(raw(payload["key"]), payloads.base64.b64decode(payload["pop"]), message)
        if not ours or payload["replaces"] != introduction.event.key or not introduction.event.holds() or not agreed:
            raise Refused("bundle", "not signed by both keys")
        return
    keys = payload.get("keys", {})
    listed = {
        "key": [payload.get("key")],
        "authority": [payload.get("change", {}).get("new")],
        "genesis": [keys.get(use) for use in ("checkpoint", "checkpoint-sha256", "command", "service")]
        + keys.get("recovery", {}).get("keys", []),
    }.get(kind, [])
    if event.key not in listed:
        raise Refused("bundle", "does not name the key")


def verify_equivocation(data, trust=None):
    value = document(data, EQUIVOCATION, "equivocation")
    authority = authority_of(value["authority"], "equivocation")
    if value["ledger"] != authority.ledger:
        raise Refused("equivocation")
    pin(authority, trust or {})
    try:
        texts = [proof.Checkpoint(proof.note(value[name].encode())[0]) for name in "ab"]
        keys = [key for text in texts for key in authority.state.checkpoint_key(text.size)]
        a, b = (proof.opened(value[name].encode(), keys, [])[0] for name in "ab")
    except Refused as error:
        raise Refused("equivocation") from error
    if a.origin != b.origin or a.origin != authority.origin:
        raise Refused("equivocation")
    leaves = value.get("leaves")
    if leaves is None:
        holds = a.size == b.size and a.text != b.text
    else:
        holds = leaves["leaf_a"] != leaves["leaf_b"] and all(
            proof.included(raw(leaves["leaf_" + n]), leaves["index"], c.size, hashes(leaves["path_" + n]), c.root)
            for n, c in (("a", a), ("b", b))
        )
    if not holds:
        raise Refused("equivocation", "both can be true")
