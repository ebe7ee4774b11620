"""The full audit of a log: `spec/log.md`, *Full audit*, step by step. Files are a dictionary of names and bytes."""

import re

from . import crypto, packed, payloads, proof, rules
from .canonical import Canonical, Refused, read
from .event import Record, commit, quoted
from .files import ProofChain, authority_of, check_rows, trusted
from .state import ZEROS, State

MAX_GROUP_BYTES = 8 * 1024 * 1024
SEGMENT = re.compile(r"log/(\d{20})\.jsonl", re.ASCII)
PACKED = re.compile(r"log/(\d{20})\.parquet", re.ASCII)
CUT = re.compile(r"log/cut-(\d+)-(\d+)(-\d+)?", re.ASCII)


class Audit:
    """What is wrong with a log, as codes; `covered` and `tail` are the numbers of the report."""

    def __init__(self, files, trust=None, old=(), is_covered=True):
        self.files, self.trust, self.old, self.is_covered = files, trust or {}, old, is_covered
        self.codes, self.findings, self.state = [], [], State()
        self.seals, self.cuts, self.events, self.checkpoints = [], set(), [], {}
        self.refusals, self.accusations, self.times = {}, [], []
        self.covered = self.tail = 0
        self.stopped = False
        self.run()

    def fail(self, code):
        self.codes.append(code)

    def run(self):
        try:
            self.unpack()
        except packed.Damaged:
            self.fail("packed")
            return self.side()
        segments = sorted(name for name in self.files if SEGMENT.fullmatch(name))
        if not any(name.startswith("log/") for name in self.files):
            return self.fail("no-log")
        self.wanted = {checkpoint.size for checkpoint in map(self.text_of, self.notes()) if checkpoint}
        try:
            for name in segments:
                if int(SEGMENT.fullmatch(name).group(1)) != self.state.size:
                    raise Refused("segment-name")
                self.segment(self.files[name], name == segments[-1])
            if self.state.size == 0:
                self.fail("genesis")
        except Refused as error:
            self.fail(error.code)
            self.stopped = True
        for event in self.events:
            if not event.holds():
                self.fail("signature")
        identities = [event.identity() for event in self.events]
        if len(set(identities)) != len(identities):
            self.fail("duplicate")
        for record in self.accusations:
            if not rules.has_ground(record, self.events, self.refusals):
                self.fail("admission")
        self.side()

    def unpack(self):
        """Packed segments as lines, where they do not lie there as lines as well."""
        for name in sorted(filter(PACKED.fullmatch, self.files)):
            plain = name.replace(".parquet", ".jsonl")
            if plain not in self.files:
                self.files[plain] = packed.plain(self.files[name])

    # Steps 1 to 4.

    def segment(self, data, is_last):
        at = 0
        while at < len(data):
            start = at
            while True:
                end = data.find(b"\n", at)
                if end < 0:
                    if is_last and not later_commit(data, start):
                        return
                    raise Refused("torn-tail")
                line, line_start, at = data[at:end], at, end + 1
                if line.startswith(b'{"commit":'):
                    break
            self.group(data[start:line_start], line)

    def group(self, data, line):
        try:
            said = commit(line)
        except Canonical as error:
            raise Refused("commit-format") from error
        if len(data) > MAX_GROUP_BYTES or said["bytes"] != len(data):
            raise Refused("commit-bytes")
        if crypto.tagged(0x04, data).hex() != said["hash"]:
            raise Refused("commit-hash")
        lines = data[:-1].split(b"\n") if data else []
        first, sealed = self.state.size, []
        for text in lines:
            record = Record(read(text))
            self.entry(record)
            if record.event.kind == "seal":
                sealed.append(record.seq)
        if self.state.size != said["size"]:
            raise Refused("commit-size")
        if self.state.size == first:
            raise Refused("commit-empty")
        if self.state.tree.root().hex() != said["root"]:
            raise Refused("commit-root")
        if any(seq + 1 != self.state.size for seq in sealed):
            raise Refused("seal")
        self.remember()

    def remember(self):
        if self.state.size in self.wanted and self.state.size not in self.checkpoints:
            keys, lanes = self.state.maps()
            roots = self.state.tree.root(), keys, lanes, self.state.sha256.root()
            self.checkpoints[self.state.size] = roots

    def entry(self, record):
        state, event, entry = self.state, record.event, record.entry
        self.remember()
        record.check_payload_hash()
        n, last = state.lanes.get(event.org, (0, ZEROS))
        for code, holds in (
            ("seq", record.seq == state.size),
            ("chain", entry["prev"] == state.head),
            ("lane", entry["lane"] == {"n": n, "prev": last}),
            ("clock", event.kind == "clock" or record.recorded_at >= state.last_recorded),
            ("genesis", state.size > 0 or event.kind == "genesis"),
        ):
            if not holds:
                raise Refused(code)
        payloads.check_payload(event.kind, event.header["schema"]["payload"], record.payload)
        if event.kind == "clock":
            self.set_back(record)
        self.times.append(record.recorded_at)
        if {"admission": record.payload.get("version"), "genesis": record.payload.get("admission")}.get(event.kind, 0) > rules.KNOWN:
            raise Refused("admission-version")
        self.quote(event, record.payload)
        state.admit(event, record.payload, record.recorded_at)
        if state.version >= 2 and event.kind in ("chain-fork", "refusal"):
            self.accusations.append(record)
        if event.kind == "seal":
            self.seal(record)
        if event.kind == "recovery" and record.payload["action"] == "cut-tail":
            cut = record.payload
            self.cuts.add((cut["segment"], cut["offset"], cut["hash"]))
        if event.kind == "refusal":
            self.refusals[record.seq] = quoted(record.payload["header"], record.payload["sig"])
        state.apply(record)
        self.events.append(event)
        if event.kind in ("chain-fork", "chain-open", "chain-gap", "clock", "refusal", "recovery"):
            code = "clock-set" if event.kind == "clock" else event.kind
            self.findings.append((code, record.seq))

    def set_back(self, record):
        """The clock is set back from where it stands to when this is recorded, and the later entries are named."""
        said = record.payload
        time, last = payloads.millis(said["time"]), payloads.millis(said["last"])
        earlier = [seq for seq, at in enumerate(self.times) if at <= time]
        since = earlier[-1] + 1 if earlier else 0
        if (time, last, said["since"]) != (record.recorded_at, self.state.last_recorded, since):
            raise Refused("clock")

    def quote(self, event, payload):
        if event.kind not in ("chain-fork", "refusal"):
            return
        said = quoted(payload["header"], payload["sig"])
        if said is None or said.header["ledger"] != self.state.ledger or not said.holds():
            raise Refused("signature", "its author did not sign what it quotes")
        if event.kind == "chain-fork":
            known, link, place = self.state.keys.get(payload["key"]), said.chain, payload["place"]
            taken = known and link and said.key == payload["key"] and place == {"epoch": link["epoch"], "seq": link["seq"]}
            held = taken and (link["seq"] < known.next if link["epoch"] == known.epoch else link["epoch"] in known.closed)
            if not held:
                raise Refused("signature", "a fork of a place that was not taken")

    def seal(self, record):
        said, state = record.payload, self.state
        before = self.seals[-1][1] if self.seals else ZEROS
        if (said["index"], said["prev"]) != (len(self.seals), before):
            raise Refused("seal")
        if said["root"] != state.tree.root().hex() or said["admission"] != state.admission_digest():
            raise Refused("seal")
        self.seals.append((record.seq, record.leaf.hex()))

    # Steps 6 to 11.

    def notes(self):
        found = [self.files[name] for name in ("COSIGNED.txt", "ROOT.txt") if name in self.files]
        for data in [self.files.get("PROOFCHAIN.json"), *self.old]:
            try:
                chain = ProofChain(data, lambda name: self.files.get(name)) if data else None
                found += [row["checkpoint"].encode() for row in chain.rows] if chain else []
            except Refused:
                found.append(data)
        return found

    @staticmethod
    def text_of(data):
        try:
            return proof.Checkpoint(proof.note(data)[0])
        except Refused:
            return None

    def judge(self, data):
        """A stored checkpoint that holds, with its witnesses; `None` for one of a size that the audit did not reach."""
        said = proof.Checkpoint(proof.note(data)[0])
        if self.stopped and said.size > self.state.size:
            return None
        names, _ = self.state.witnesses(said.size)
        known = names + [witness for witness in self.trust.get("witnesses", []) if witness not in names]
        checkpoint, _, cosigned = proof.opened(data, self.state.checkpoint_key(said.size), known)
        if checkpoint.origin != self.state.origin:
            raise Refused("checkpoint")
        if checkpoint.size not in self.checkpoints:
            raise Refused("shorter")
        own = self.checkpoints[checkpoint.size]
        if (checkpoint.root, checkpoint.keys, checkpoint.lanes, checkpoint.sha256) != own:
            raise Refused("checkpoint")
        self.covered = max(self.covered, checkpoint.size)
        return checkpoint, cosigned

    def side(self):
        pinned = self.trust.get("ledger")
        is_pinned = pinned is not None and pinned == self.state.ledger
        if pinned is not None and not is_pinned and self.state.size:
            self.fail("ledger-id")
        found = {}
        for name in ("ROOT.txt", "COSIGNED.txt"):
            try:
                if name in self.files:
                    found[name] = self.judge(self.files[name])
                elif name == "ROOT.txt":
                    self.fail("root-txt")
            except Refused as error:
                self.fail(error.code)
        root, cosigned = found.get("ROOT.txt"), found.get("COSIGNED.txt")
        if cosigned:
            members, quorum = self.state.witnesses(cosigned[0].size)
            enough = quorum and len([name for name in cosigned[1] if name in members]) >= quorum
            if not enough or root and root[0].size < cosigned[0].size:
                self.fail("cosigned")
        if trusted([pair for pair in (root, cosigned) if pair], self.state.witnesses, self.trust, is_pinned) is False:
            self.fail("witness")
        for data in self.old:
            try:
                chain = ProofChain(data, lambda name: None)
                copies = [row["checkpoint"].encode() for row in chain.rows]
            except Refused:
                copies = [data]
            for copy in copies:
                try:
                    self.judge(copy)
                except Refused:
                    self.fail("not-extended")
        self.check_chain()
        if not self.stopped:
            self.tail = self.state.size - self.covered
            if self.is_covered and self.tail:
                self.fail("uncovered")
        self.check_cuts()

    def check_chain(self):
        data = self.files.get("PROOFCHAIN.json")
        rows = []
        if data is not None:
            try:
                chain = ProofChain(data, lambda name: self.files.get(name))
                if chain.missing:
                    # Without its parts no row can be judged.
                    raise Refused("proofchain", "a part is missing or another")
                if (chain.ledger, chain.origin) != (self.state.ledger, self.state.origin):
                    raise Refused("proofchain", "another ledger's")
                rows = chain.rows
                self.check_authority(chain)
                problems = check_rows(rows, self.state.origin, self.state.checkpoint_key)
                for row, (checkpoint, problem) in zip(rows, problems):
                    if self.stopped and row["seq"] >= self.state.size:
                        break
                    self.check_row(row, checkpoint, problem)
            except Refused as error:
                return self.fail(error.code)
        missing = self.seals[len(rows) :]
        at_end = len(missing) == 1 and missing[0][0] + 1 == self.state.size
        if missing and not self.stopped and not (at_end and not self.is_covered):
            self.fail("proofchain")

    def check_authority(self, chain):
        seqs = [seq for seq, _ in authority_of(chain.authority).entries]
        if self.stopped:
            seqs = [seq for seq in seqs if seq < self.state.size]
        own = self.state.authority
        written = chain.rows[-1]["seq"] if chain.rows else 0
        if own[: len(seqs)] != seqs or any(seq < written for seq in own[len(seqs) :]):
            self.fail("proofchain")

    def check_row(self, row, checkpoint, problem):
        index = row["index"]
        if problem or index >= len(self.seals) or self.seals[index] != (row["seq"], row["leaf"]):
            return self.fail("proofchain")
        own = self.checkpoints.get(checkpoint.size)
        if (checkpoint.root, checkpoint.keys, checkpoint.lanes, checkpoint.sha256) != own:
            return self.fail("checkpoint")
        self.covered = max(self.covered, checkpoint.size)

    def check_cuts(self):
        kept = set()
        for name, data in self.files.items():
            if not name.startswith("log/cut-") or name.endswith(".tmp"):
                continue
            match = CUT.fullmatch(name)
            place = match and (int(match.group(1)), int(match.group(2)), crypto.tagged(0x15, data).hex())
            if place in self.cuts:
                kept.add(place)
            elif not self.stopped:
                self.fail("cut-tail")
        if self.cuts - kept:
            self.fail("cut-tail")


def later_commit(data, start):
    """Whether a commit line behind `start` holds over the bytes before it."""
    at = start
    for line in data[start:].split(b"\n")[:-1]:
        begin = line.find(b'{"commit":')
        if begin >= 0:
            try:
                said = commit(line[begin:])
                end = at + begin
                group = data[end - said["bytes"] : end] if said["bytes"] <= end - start else b""
                if crypto.tagged(0x04, group).hex() == said["hash"]:
                    return True
            except Refused:
                pass
        at += len(line) + 1
    return False
