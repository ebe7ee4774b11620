"""The rules of kinds: the last table of `spec/event.md`, section 9, from version 2 of the admission rules on."""

import base64

from . import crypto, payloads
from .canonical import j
from .event import quoted, raw

KNOWN = 2
FINAL = "bad-payload not-allowed wrong-org wrong-tenant id-time duplicate-id too-large key-revoked".split()
STEPS = "chosen begun halted finished expired".split()
DAYS_60 = 60 * 86400 * 1000


def signed_by(key, sig, purpose, value):
    return crypto.verify(raw(key), base64.b64decode(sig), f"vaultmesh/{purpose}/v1\n".encode() + j(value))


def uuid(millis, tail):
    """The UUID of version 7 of a time whose other bits follow from a hash."""
    said = bytearray(millis.to_bytes(6, "big") + tail[:10])
    said[6], said[8] = said[6] & 0x0F | 0x70, said[8] & 0x3F | 0x80
    text = said.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def u64(number):
    return number.to_bytes(8, "big")


def attention(_, event, payload, __):
    node = raw(event.header.get("node_id", "00" * 16).replace("-", ""))
    tail = crypto.tagged(0x1B, event.org.encode(), b"\0", node, j(payload))
    own = event.header["id"] == uuid(payloads.millis(payload["at"]), tail)
    return event.author == "service:attention" and own


def decision(event, millis, *parts):
    alone = not {"tenant", "node_id"} & set(event.header)
    return alone and event.header["id"] == uuid(millis, crypto.tagged(0x1E, *parts))


def schedule_run(_, event, payload, __):
    at, due = payloads.millis(payload["at"]), payloads.millis(payload["due"])
    return decision(event, due if at - due <= DAYS_60 else at, raw(payload["schedule"]), u64(due))


def rollout_wave(_, event, payload, __):
    parts = raw(payload["rollout"]), u64(payload["wave"]), bytes([STEPS.index(payload["step"])])
    return decision(event, payloads.millis(payload["at"]), *parts)


def command(state, event, payload, _):
    if payload["action"] != "issue":
        return True
    known = state.keys.get(state.authors.get(f"node:{payload['node']}", ""))
    said = {name: payload[name] for name in ("command", "expires_at", "node", "nonce", "not_before", "parameters")}
    return (
        event.header.get("node_id") == payload["node"]
        and (known is None or known.org == event.org)
        and signed_by(state.current["command"], payload["sig"], "command", dict(said, ledger=state.ledger))
    )


def labels(state, event, _, __):
    known = state.keys.get(state.authors.get(f"node:{event.header.get('node_id')}", ""))
    return "node_id" in event.header and (known is None or known.org == event.org)


def heartbeat(_, event, payload, __):
    about, own = event.header.get("node_id"), event.author.removeprefix("node:")
    if event.chain:
        return payload["node_id"] == own and about in (None, own)
    return payload["node_id"] == about


def user(state, event, payload, _):
    named = payload["issuer"].encode(), b"\0", payload["subject"].encode()
    said = bytearray(crypto.tagged(0x31, raw(state.ledger), *named)[:16])
    said[6], said[8] = said[6] & 0x0F | 0x80, said[8] & 0x3F | 0x80
    text = said.hex()
    return event.author == "user:" + "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def witness_key(state, event, payload, _):
    said = {"key": payload["key"], "ledger": state.ledger, "name": payload["name"], "use": "witness"}
    known = state.keys.get(payload["key"])
    return (
        event.chain is not None
        and payload["name"] == event.author
        and payload["key"] != event.key
        and (known is None or known.use == "witness")
        and crypto.is_good_key(raw(payload["key"]))
        and signed_by(payload["key"], payload["pop"], "key-possession", said)
    )


def verdict(state, said, now, held=False, flaw=None):
    """Why an event of a chain is refused at this place, by what its header shows; `None` if it is not."""
    key = state.keys[said.key]
    if said.header["ledger"] != state.ledger:
        return "foreign-ledger"
    if not key.valid_at(state.size):
        return "key-revoked"
    if key.use not in ("node", "device") or not said.chain:
        return "wrong-use"
    if key.author != said.author:
        return "author-mismatch"
    if not key.in_place(said.kind, said.chain):
        if said.chain["epoch"] in key.closed:
            return "epoch-closed"
        return "chain-fork" if held else "chain-gap"
    if key.epoch not in (None, said.chain["epoch"]) and len(key.closed) >= 1024:
        return "too-many-epochs"
    if flaw == "duplicate-id":
        return flaw
    time = said.id_time()
    if not (time <= now + 10 * 60 * 1000 and time + 90 * 86400 * 1000 >= now):
        return "id-time"
    if flaw:
        return flaw
    speaker = payloads.speaker(said.kind)
    if speaker not in ("chain", "anyone") and (speaker, key.use) not in (("node", "node"), ("person", "device")):
        return "not-allowed"
    if said.org != key.org:
        return "wrong-org"
    return "wrong-tenant" if said.header.get("tenant") != key.tenant else None


def accused(state, event, said):
    """Whether the entry stands where the key of the quoted event belongs, and something may still be spent on it."""
    key = state.keys.get(said.key)
    if key is None or not said.chain or key.marks >= 64:
        return False
    node = key.author[5:] if (key.author or "").startswith("node:") else said.header.get("node_id")
    return (event.org, event.header.get("tenant"), event.header.get("node_id")) == (key.org, key.tenant, node)


def chain_fork(state, event, payload, now):
    said = quoted(payload["header"], payload["sig"])
    if not accused(state, event, said) or payload["recorded"] >= state.size:
        return False
    return verdict(state, said, now, held=True) in ("chain-fork", "epoch-closed", "key-revoked")


def refusal(state, event, payload, now):
    said, code = quoted(payload["header"], payload["sig"]), payload["code"]
    if not accused(state, event, said):
        return False
    if code == "too-large" and len(j(dict(said.header, sig=payload["sig"]))) + 512 <= 65535:
        return False
    flaw = code if code in ("bad-payload", "too-large", "duplicate-id") else None
    in_place = state.keys[said.key].in_place(said.kind, said.chain)
    recorded = code == "epoch-closed" or code in FINAL and in_place
    return recorded and verdict(state, said, now, flaw=flaw) == code


RULES = {
    "attention": attention,
    "chain-fork": chain_fork,
    "command": command,
    "heartbeat": heartbeat,
    "labels": labels,
    "refusal": refusal,
    "rollout-wave": rollout_wave,
    "schedule-run": schedule_run,
    "user": user,
    "witness-key": witness_key,
}


def hold(state, event, payload, now):
    rule = RULES.get(event.kind)
    return rule is None or rule(state, event, payload, now)


def has_ground(record, events, refusals):
    """Whether other entries bear out what an accusation says of them; `refusals` are the events that are quoted in these."""
    payload = record.payload
    said = quoted(payload["header"], payload["sig"])
    if record.event.kind == "chain-fork":
        at = payload["recorded"]
        holders = [events[at], refusals.get(at)] if at < record.seq else []
        place = said.key, said.chain["epoch"], said.chain["seq"]
        return any(
            held and held.chain and (held.key, held.chain["epoch"], held.chain["seq"]) == place and held.hash != said.hash
            for held in holders
        )
    same = [seq for seq, event in enumerate(events) if event.identity() == said.identity()]
    taken = payload["code"] != "duplicate-id" or any(seq < record.seq for seq in same)
    before = any(other.hash == said.hash for seq, other in refusals.items() if other and seq < record.seq)
    return taken and not before and all(events[seq].hash != said.hash for seq in same)
