"""The ledger's state and admission: `spec/log.md`, *Admission* and *Seals*, and `spec/event.md`, sections 6 to 10."""

import base64

from . import crypto, payloads, people, proof, rules
from .canonical import Refused, j
from .event import quoted, raw

ZEROS = "0" * 64
AHEAD_MS, BEHIND_MS = 10 * 60 * 1000, 90 * 86400 * 1000
SENIOR = ("org_owner", "org_admin")
ROLES = {
    **dict.fromkeys("acceptance baseline command enrolment key-status labels rollout schedule silence".split(), (*SENIOR, "node_admin")),
    **dict.fromkeys("identity-provider invoice member org policy price-book ruleset sign-in-rule token webhook".split(), SENIOR),
    "user": (),
}


def sure(holds, why):
    if not holds:
        raise Refused("admission", why)


def unbase64(text):
    return base64.b64decode(text)


def signed_by(key, sig, purpose, value):
    return crypto.verify(raw(key), unbase64(sig), f"vaultmesh/{purpose}/v1\n".encode() + j(value))


class Key:
    """What is known of a key; `chain` is its author chain."""

    def __init__(self, use, org, introduced, introduction, author=None, tenant=None, marks=0):
        self.use, self.org, self.introduced, self.introduction = use, org, introduced, introduction
        self.author, self.tenant, self.until, self.suspect_from = author, tenant, None, None
        self.epoch, self.next, self.head, self.closed, self.marks = None, 0, introduction, [], marks
        self.rotations = 0

    def value(self):
        members = {
            "author": self.author, "introduced": self.introduced, "org": self.org, "suspect_from": self.suspect_from,
            "tenant": self.tenant, "until": self.until, "use": self.use,
        }  # fmt: skip
        return {name: value for name, value in members.items() if value is not None}

    def valid_at(self, seq):
        since = self.introduced < seq or (self.introduced == 0 and seq == 0)
        return since and (self.until is None or seq < self.until)

    def in_place(self, kind, link):
        first = link["seq"] == 0 and link["prev"] == self.introduction
        if self.epoch is None:
            return first
        if link["epoch"] == self.epoch:
            return link["seq"] == self.next and link["prev"] == self.head
        return kind == "chain-open" and first and link["epoch"] not in self.closed

    def advance(self, link, event_hash):
        if self.epoch not in (None, link["epoch"]):
            self.closed.append(self.epoch)
        self.epoch, self.next, self.head = link["epoch"], link["seq"] + 1, event_hash


class State:
    """A fold over the entries so far."""

    def __init__(self):
        self.version = 1
        self.ledger, self.origin, self.last_recorded, self.head = ZEROS, "", 0, ZEROS
        self.keys, self.authors, self.lanes, self.enrolments, self.tokens = {}, {}, {}, {}, {}
        self.orgs, self.providers = {}, {}
        self.authority, self.checkpoint_keys, self.current, self.sets = [], [], {}, []
        self.last_change, self.recovery, self.seals = ZEROS, None, []
        self.tree, self.sha256 = proof.Tree(), proof.Tree(crypto.sha256)

    @property
    def size(self):
        return self.tree.size

    def checkpoint_key(self, size):
        return [raw(key) for seq, key in self.checkpoint_keys if seq < size][-1:]

    def witnesses(self, size):
        """Names and keys of the set in force at a size, and its quorum."""
        placed = [named for seq, named in self.sets if seq < size][-1:]
        if not placed:
            return [], 0
        return [(w["name"], raw(w["key"])) for w in placed[0]["witnesses"]], placed[0]["quorum"]

    def maps(self):
        keys = {proof.key_path(raw(key)): record.value() for key, record in self.keys.items()}
        lanes = {proof.lane_path(org): {"last": last, "n": n} for org, (n, last) in self.lanes.items()}
        return proof.canonical_map(keys), proof.canonical_map(lanes)

    def admission_digest(self):
        chains = {
            proof.key_path(raw(key)): {"closed": k.closed, "epoch": k.epoch, "head": k.head, "marks": k.marks, "next": k.next}
            for key, k in self.keys.items()
            if k.epoch is not None
        }
        tokens = {proof.key_path(raw(token)): value for token, value in self.enrolments.items()}
        roles = {proof.key_path(bytes.fromhex(i.replace("-", ""))): value for i, value in self.tokens.items()}
        roots = [proof.canonical_map(members).hex() for members in (chains, roles, tokens)]
        said = dict(zip(("chains", "roles", "tokens"), roots), version=self.version)
        for name, members in (("organisations", self.orgs), ("providers", self.providers)):
            if members:
                said[name] = proof.canonical_map({proof.lane_path(key): value for key, value in members.items()}).hex()
        return crypto.tagged(0x1A, j(said)).hex()

    # Admission: the event would take the position at the time `now`.

    def admit(self, event, payload, now):
        if self.size == 0:
            return self.admit_genesis(event, payload)
        record = self.keys.get(event.key)
        sure(record is not None, "unknown-key")
        sure(event.header["ledger"] == self.ledger, "foreign-ledger")
        sure(record.valid_at(self.size), "key-revoked")
        sure(record.use == "service" and event.via or record.use in ("node", "device") and event.chain, "wrong-use")
        sure(record.use == "service" or record.author == event.author, "author-mismatch")
        if event.chain:
            sure(record.in_place(event.kind, event.chain), "chain-gap or chain-fork")
            opens = record.epoch not in (None, event.chain["epoch"])
            sure(not opens or len(record.closed) < 1024, "too-many-epochs")
        if not event.author.startswith("import:"):
            time = event.id_time()
            sure(time <= now + AHEAD_MS and time + BEHIND_MS >= now, "id-time")
        if event.chain:
            self.admit_chained(event, record, payload)
        else:
            self.admit_service(event, payload, now)
        if event.kind == "admission":
            sure(payload["version"] == self.version + 1, "bad-payload")
        if self.version >= 2:
            sure(rules.hold(self, event, payload, now), "a rule of its kind")

    def admit_genesis(self, event, payload):
        sure(event.kind == "genesis" and event.author == "service:ledger" and event.org == "ledger", "not-allowed")
        sure(event.header["ledger"] == ZEROS and event.via == {"method": "self"}, "not-allowed")
        sure(event.key == payload["keys"]["service"], "not-allowed")
        said = {name: value for name, value in payload.items() if name != "pop"}
        for pop in payload["pop"]:
            sure(crypto.is_good_key(raw(pop["key"])), "bad-key")
            sure(signed_by(pop["key"], pop["sig"], "key-possession", said), "bad-possession")

    def admit_chained(self, event, record, payload):
        speaker = payloads.speaker(event.kind, self.version)
        spoken = (speaker, record.use) in (("node", "node"), ("person", "device"))
        sure(speaker in ("chain", "anyone") or spoken, "not-allowed")
        sure(event.org == record.org, "wrong-org")
        sure(event.header.get("tenant") == record.tenant, "wrong-tenant")
        if event.kind == "key-rotation":
            sure(record.rotations < 1024, "too-many-keys")
            sure(payload["replaces"] == event.key, "bad-payload")
            sure(payload["key"] not in self.keys, "key-in-use")
            sure(crypto.is_good_key(raw(payload["key"])), "bad-key")
            said = {"author": event.author, "key": payload["key"], "ledger": self.ledger, "replaces": event.key}
            sure(signed_by(payload["key"], payload["pop"], "key-possession", said), "bad-possession")

    def admit_service(self, event, payload, now):
        method, (kind, _, name) = event.via["method"], event.author.partition(":")
        speaker, own = payloads.speaker(event.kind, self.version), method == "self"
        if method == "schedule":
            sure(event.author == "service:scheduler" and event.org != "ledger" and "subject" in event.via, "not-allowed")
            issue = event.kind == "command" and payload["action"] == "issue"
            sure(speaker == "scheduler" or issue, "not-allowed")
            return
        if method == "node-jwt":
            self.admit_node(event)
        elif method == "token":
            self.admit_token(event, kind, name, now)
        elif method == "sign-in":
            people.admit(self, event, payload, ROLES, now)
        sure(
            own and kind == "service"
            or method == "import" and kind == "import"
            or method == "admin" and event.author == "service:admin"
            or method == "enrolment" and event.author == "service:ingest" and event.kind == "key"
            or method == "node-jwt" and event.author == "service:ingest"
            or method == "token" and kind == "token"
            or method == "sign-in" and kind == "user",
            "not-allowed",
        )  # fmt: skip
        sure(
            {
                "ledger": own,
                "node": method in ("node-jwt", "import"),
                "service": method in ("admin", "token", "sign-in") or self.version < 2 and method in ("enrolment", "node-jwt"),
                "enrolment": method == "enrolment" or self.version < 2 and not own and method != "import",
                "anyone": not own,
                "person": method in ("admin", "token", "import", "sign-in"),
                "operator": method in ("admin", "token", "sign-in"),
            }.get(speaker, False),
            "not-allowed",
        )
        others = ("attention", "chain-fork", "contradiction", "notice", "refusal")
        sure(not own or event.org == "ledger" or event.kind in others, "wrong-org")
        self.admit_change(event, payload, now)

    def admit_node(self, event):
        node = event.header.get("node_id")
        record = self.keys.get(self.authors.get(f"node:{node}", ""))
        sure(record is not None, "unknown-key")
        sure(record.valid_at(self.size), "key-revoked")
        sure(record.org == event.org, "wrong-org")
        sure(record.tenant == event.header.get("tenant"), "wrong-tenant")

    def admit_token(self, event, kind, name, now):
        token = self.tokens.get(name)
        sure(kind == "token" and token is not None and not token["revoked"], "token-unknown or token-revoked")
        sure("expires_at" not in token or now < payloads.millis(token["expires_at"]), "token-expired")
        sure(token["org"] in ("ledger", event.org), "wrong-org")
        sure(token["org"] == "ledger" or not people.suspended(self, event.org), "org-suspended")
        sure(people.may(token["role"], ROLES.get(event.kind)), "not-allowed")

    def admit_change(self, event, payload, now):
        kind = event.kind
        if kind == "key":
            self.admit_introduction(event, payload, now)
        elif kind == "key-status":
            record = self.keys.get(payload["key"])
            sure(record is not None, "unknown-key")
            sure(record.use in ("node", "device", "witness") and record.author is not None, "wrong-use")
            sure(record.org == event.org, "wrong-org")
        elif kind == "authority":
            self.admit_authority(payload)
        elif kind == "witness-set":
            self.admit_witness_set(payload)
        elif kind == "clock":
            self.admit_clock(payload, now)
        elif kind == "enrolment":
            known = self.enrolments.get(payload["token"])
            if payload["action"] == "create":
                sure(payload["org"] == event.org != "ledger", "wrong-org")
                sure(payload["uses"] > 0 and known is None, "bad-payload")
            else:
                sure(known is not None and known["org"] == event.org, "token-unknown or wrong-org")
        elif kind == "token":
            known = self.tokens.get(payload["id"])
            if payload["action"] == "create":
                sure(payload["org"] == event.org and known is None, "wrong-org or duplicate-id")
            else:
                sure(known is not None and known["org"] == event.org, "token-unknown or wrong-org")
        elif kind in people.KINDS:
            people.KINDS[kind](self, event, payload, now)
        elif event.org == "ledger":
            sure(kind not in ("rollout", "schedule", "genesis"), "wrong-org")
            sure(event.via["method"] in ("self", "admin"), "wrong-org")
        else:
            sure(kind != "genesis", "not-allowed")

    def admit_introduction(self, event, payload, now):
        sure(payload["key"] not in self.keys, "key-in-use")
        fits = {"node": ("node:",), "device": ("user:",), "witness": ("",)}[payload["use"]]
        sure(payload["author"].startswith(fits), "bad-payload")
        other = self.keys.get(self.authors.get(payload["author"], ""))
        sure(other is None or other.until is not None and other.org == event.org, "author-taken")
        sure(not people.suspended(self, event.org), "org-suspended")
        home = self.version < 2 or other is None or other.tenant == event.header.get("tenant")
        sure(home, "author-taken")
        token = self.enrolments.get(payload["token"])
        sure(token is not None and not token["revoked"], "token-unknown or token-revoked")
        sure(now < payloads.millis(token["expires_at"]) and token["uses_left"] > 0, "token-expired or token-exhausted")
        sure(token["org"] == event.org, "wrong-org")
        sure(token.get("tenant") == event.header.get("tenant"), "wrong-tenant")
        if self.version >= 2:
            sure(token.get("use", "node") == payload["use"], "not-allowed")
            sure("node" not in token or payload["author"] == f"node:{token['node']}", "not-allowed")
        sure(crypto.is_good_key(raw(payload["key"])), "bad-key")
        said = {"author": payload["author"], "key": payload["key"], "ledger": self.ledger, "token": payload["token"]}
        sure(signed_by(payload["key"], payload["pop"], "key-possession", said), "bad-possession")

    def admit_authority(self, payload):
        change = payload["change"]
        sure(payload["prev_change"] == self.last_change, "bad-authority")
        sure(self.current.get(change["use"]) == change["old"], "bad-authority")
        sure(change["new"] not in self.keys, "key-in-use")
        sure(crypto.is_good_key(raw(change["new"])), "bad-key")
        said = {"key": change["new"], "ledger": self.ledger, "use": change["use"]}
        sure(signed_by(change["new"], change["pop"], "key-possession", said), "bad-possession")
        said = {"change": change, "ledger": self.ledger, "prev_change": payload["prev_change"]}
        sure(self.by_recovery(payload["signatures"], "recovery", said), "bad-authority")

    def by_recovery(self, signatures, purpose, said):
        ours = [s for s in signatures if s["key"] in self.recovery["keys"]]
        return sum(signed_by(s["key"], s["sig"], purpose, said) for s in ours) >= self.recovery["threshold"]

    def admit_clock(self, payload, now):
        said = {name: payload[name] for name in ("after", "last", "since", "time")}
        sure(payload["after"] == self.head and payloads.millis(payload["time"]) == now, "bad-authority")
        sure(payloads.millis(payload["last"]) == self.last_recorded, "bad-authority")
        sure(self.by_recovery(payload["signatures"], "clock", dict(said, ledger=self.ledger)), "bad-authority")

    def admit_witness_set(self, payload):
        named = payload["set"]
        sure(payload["prev_change"] == self.last_change, "bad-authority")
        before = self.sets[-1][1] if self.sets else {"witnesses": [], "quorum": None}
        stays = {(w["key"], w["name"]) for w in before["witnesses"]}
        for witness in named["witnesses"]:
            if witness["key"] in self.keys:
                sure((witness["key"], witness["name"]) in stays, "key-in-use")
            else:
                sure(crypto.is_good_key(raw(witness["key"])), "bad-key")
            said = {"key": witness["key"], "ledger": self.ledger, "name": witness["name"], "use": "witness"}
            sure(signed_by(witness["key"], witness["pop"], "key-possession", said), "bad-possession")
        said = {"ledger": self.ledger, "prev_change": payload["prev_change"], "set": named}
        if self.by_recovery(payload["signatures"], "witness-set", said):
            return
        old = {witness["key"] for witness in before["witnesses"]}
        agree = [s for s in payload["signatures"] if s["key"] in old and signed_by(s["key"], s["sig"], "witness-set", said)]
        sure(before["quorum"] is not None and len(agree) >= before["quorum"], "bad-authority")

    # What an entry does to the state.

    def apply(self, record):
        event, payload, seq, leaf = record.event, record.payload, record.seq, record.leaf.hex()
        effect = getattr(self, "apply_" + event.kind.replace("-", "_"), None)
        if effect:
            effect(event, payload, seq, leaf)
        if event.chain and event.key in self.keys:
            self.keys[event.key].advance(event.chain, event.hash)
        self.tree.push(record.leaf)
        self.sha256.push(crypto.sha256(b"\x00" + record.bytes))
        self.head, self.last_recorded = leaf, record.recorded_at
        self.lanes[event.org] = (record.entry["lane"]["n"] + 1, leaf)

    def apply_genesis(self, event, payload, seq, leaf):
        self.version = payload["admission"]
        self.ledger, self.last_change, self.recovery = leaf, leaf, payload["keys"]["recovery"]
        self.origin = f"{payload['name']}/{leaf}/blake3"
        self.authority.append(seq)
        keys = payload["keys"]
        for use in ("checkpoint", "checkpoint-sha256", "command", "service"):
            self.keys[keys[use]] = Key(use, "ledger", 0, event.hash)
            self.current[use] = keys[use]
        for key in keys["recovery"]["keys"]:
            self.keys[key] = Key("recovery", "ledger", 0, event.hash)
        self.checkpoint_keys.append((0, keys["checkpoint"]))

    def apply_admission(self, _, payload, __, ___):
        self.version = payload["version"]

    def apply_key(self, event, payload, seq, _):
        self.enrolments[payload["token"]]["uses_left"] -= 1
        author, tenant = payload["author"], event.header.get("tenant")
        self.keys[payload["key"]] = Key(payload["use"], event.org, seq, event.hash, author, tenant)
        self.authors[author] = payload["key"]

    def apply_key_rotation(self, event, payload, seq, _):
        old = self.keys[event.key]
        new = Key(old.use, old.org, seq, event.hash, old.author, old.tenant, old.marks)
        new.rotations, old.until = old.rotations + 1, seq
        self.keys[payload["key"]], self.authors[event.author] = new, payload["key"]

    def apply_key_status(self, _, payload, seq, __):
        record = self.keys[payload["key"]]
        record.until = seq if record.until is None else record.until
        if payload["status"] == "compromised":
            since = payload["suspect_from"]
            record.suspect_from = since if record.suspect_from is None else min(since, record.suspect_from)

    def apply_authority(self, event, payload, seq, leaf):
        change = payload["change"]
        self.keys[change["old"]].until = seq
        self.keys[change["new"]] = Key(change["use"], "ledger", seq, event.hash)
        self.current[change["use"]] = change["new"]
        if change["use"] == "checkpoint":
            self.checkpoint_keys.append((seq, change["new"]))
        self.authority.append(seq)
        self.last_change = leaf

    def apply_witness_set(self, event, payload, seq, leaf):
        now = {witness["key"] for witness in payload["set"]["witnesses"]}
        for witness in self.sets[-1][1]["witnesses"] if self.sets else []:
            if witness["key"] not in now:
                self.keys[witness["key"]].until = seq
        for key in now - set(self.keys):
            self.keys[key] = Key("witness", "ledger", seq, event.hash)
        self.sets.append((seq, payload["set"]))
        self.authority.append(seq)
        self.last_change = leaf

    def apply_enrolment(self, _, payload, __, ___):
        if payload["action"] == "revoke":
            self.enrolments[payload["token"]]["revoked"] = True
            return
        value = {name: payload[name] for name in ("expires_at", "node", "org", "tenant", "use") if name in payload}
        self.enrolments[payload["token"]] = dict(value, revoked=False, uses_left=payload["uses"])

    def apply_token(self, _, payload, __, ___):
        if payload["action"] == "revoke":
            self.tokens[payload["id"]]["revoked"] = True
            return
        value = {name: payload[name] for name in ("expires_at", "org", "role", "secret") if name in payload}
        self.tokens[payload["id"]] = dict(value, revoked=False)

    def apply_identity_provider(self, _, payload, __, ___):
        people.apply_provider(self, payload)

    def apply_member(self, event, payload, _, __):
        people.apply_member(people.org(self, event.org), payload)

    def apply_org(self, event, payload, _, __):
        people.apply_org(people.org(self, event.org), payload)

    def apply_sign_in_rule(self, event, payload, _, __):
        people.apply_rule(people.org(self, event.org), payload)

    def apply_seal(self, _, __, seq, leaf):
        self.seals.append((seq, leaf))

    def apply_chain_fork(self, _, payload, __, ___):
        if payload["key"] in self.keys:
            self.keys[payload["key"]].marks += 1

    def apply_refusal(self, _, payload, __, ___):
        event = quoted(payload["header"], payload["sig"])
        record = self.keys.get(event.key) if event else None
        if record is None:
            return
        record.marks += 1
        if event.chain and record.in_place(event.kind, event.chain):
            record.advance(event.chain, event.hash)
