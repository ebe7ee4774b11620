"""Events and entries: `spec/event.md`, sections 4 to 7, and `spec/log.md`, *Entry*."""

import base64

from . import crypto, payloads
from .canonical import Refused, j, read
from .payloads import is_author, is_hash, is_int, is_name, is_sig, is_time, is_uuid

SEVERITIES = ("info", "low", "medium", "high", "critical")


def is_epoch(value):
    return isinstance(value, str) and len(value) == 32 and all(c in "0123456789abcdef" for c in value)


HEADER = payloads.fields(
    lambda h: ("chain" in h) != ("via" in h),
    author=is_author,
    _chain=payloads.fields(epoch=is_epoch, prev=is_hash, seq=payloads.integer()),
    format=payloads.one_of("vm-event-envelope-v1"),
    id=lambda v: is_uuid(v) and v[14] == "7",
    key=is_hash,
    kind=lambda v: isinstance(v, str) and payloads.is_kind(v),
    ledger=is_hash,
    _node_id=is_uuid,
    org=is_name,
    payload_hash=is_hash,
    schema=payloads.fields(envelope=lambda v: is_int(v, 1, 1), payload=payloads.integer(1)),
    _severity=payloads.one_of(*SEVERITIES),
    _tenant=is_name,
    ts=is_time,
    _via=payloads.fields(method=is_name, _subject=is_name),
    sig=is_sig,
)
LANE = payloads.fields(n=payloads.integer(), prev=is_hash)
ENTRY = payloads.fields(event=HEADER, lane=LANE, prev=is_hash, recorded_at=is_time, seq=payloads.integer())


def raw(text):
    return bytes.fromhex(text)


class Event:
    """A header with its signature."""

    def __init__(self, signed):
        self.header = {name: value for name, value in signed.items() if name != "sig"}
        self.sig = base64.b64decode(signed["sig"])
        self.kind, self.org, self.key = self.header["kind"], self.header["org"], self.header["key"]
        self.author, self.chain, self.via = self.header["author"], self.header.get("chain"), self.header.get("via")
        self.hash = crypto.tagged(0x03, j(self.header), self.sig).hex()

    def holds(self):
        return crypto.verify(raw(self.key), self.sig, b"vaultmesh/event/v1\n" + j(self.header))

    def identity(self):
        return self.org, self.author, self.header["id"]

    def id_time(self):
        return int(self.header["id"].replace("-", "")[:12], 16)


def payload_hash(payload, salt):
    return crypto.tagged(0x02, raw(salt), j(payload)).hex()


class Record:
    """A record line: an entry, and its payload and salt if they are there."""

    def __init__(self, value):
        members = set(value) if isinstance(value, dict) else set()
        if members not in ({"entry"}, {"entry", "payload", "salt"}):
            raise Refused("line-format", "not the members of a record line")
        entry = value["entry"]
        if not ENTRY(entry):
            raise Refused("line-format", "not an entry")
        if len(j(entry["event"])) > 16384 or len(j(entry)) > 65535:
            raise Refused("line-format", "longer than an entry may be")
        self.has_payload = "payload" in value
        if self.has_payload and (not isinstance(value["payload"], dict) or not is_hash(value["salt"])):
            raise Refused("line-format", "a payload is an object with a salt")
        if self.has_payload and len(j(value["payload"])) > 1 << 20:
            raise Refused("line-format", "a payload of more than 1 MiB")
        self.payload, self.salt = value.get("payload"), value.get("salt")
        self.event, self.entry, self.seq = Event(entry["event"]), entry, entry["seq"]
        self.recorded_at = payloads.millis(entry["recorded_at"])
        self.bytes = j(entry)
        self.leaf = crypto.tagged(0x00, self.bytes)

    def check_payload_hash(self):
        if not self.has_payload:
            raise Refused("payload-missing")
        if payload_hash(self.payload, self.salt) != self.event.header["payload_hash"]:
            raise Refused("payload-hash")


def quoted(header, sig):
    """The event that a payload quotes, or `None`."""
    signed = dict(header, sig=sig)
    return Event(signed) if "sig" not in header and HEADER(signed) else None


def check_event(data):
    """A document that claims to be an event: refused with the first code that applies (`spec/event.md`, section 4)."""
    if len(data) > (1 << 20) + 16384 + 256:
        raise Refused("too-large")
    try:
        value = read(data)
    except Refused as error:
        raise Refused("not-canonical") from error
    if not isinstance(value, dict) or not isinstance(value.get("payload"), dict) or not is_hash(value.get("salt")):
        raise Refused("bad-event")
    signed = {name: member for name, member in value.items() if name not in ("payload", "salt")}
    if not HEADER(signed):
        raise Refused("bad-event")
    if len(j(value["payload"])) > 1 << 20 or len(j(signed)) > 16384:
        raise Refused("too-large")
    if payload_hash(value["payload"], value["salt"]) != value["payload_hash"]:
        raise Refused("payload-hash")
    return Event(signed), value["payload"], value["salt"]


def commit(line):
    """A commit line."""
    value = read(line)
    shape = payloads.fields(
        commit=payloads.fields(bytes=payloads.integer(), hash=is_hash, root=is_hash, size=payloads.integer())
    )
    if not shape(value):
        raise Refused("commit-format")
    return value["commit"]


