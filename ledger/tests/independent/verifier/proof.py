"""Trees, maps, notes and checkpoints: `spec/proof.md`, sections 1 to 10."""

import base64
import re

from . import crypto
from .canonical import MAX_SAFE, Refused, j

CHECKPOINT = b"\xffvaultmesh/blake3-checkpoint@v1"
COSIGNATURE = b"\xffvaultmesh/blake3-cosignature@v1"
EMPTY = crypto.blake3(b"")


class Tree:
    """A growing tree: the complete subtrees at its right edge."""

    def __init__(self, hash_of=crypto.blake3):
        self.hash, self.size, self.edge = hash_of, 0, []

    def push(self, leaf):
        node, size = leaf, self.size
        while size & 1:
            node = self.hash(b"\x01" + self.edge.pop() + node)
            size >>= 1
        self.edge.append(node)
        self.size += 1

    def root(self):
        if not self.edge:
            return self.hash(b"")
        node = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            node = self.hash(b"\x01" + left + node)
        return node


def leaf(data, hash_of=crypto.blake3):
    return hash_of(b"\x00" + data)


def included(leaf_hash, index, size, path, root, hash_of=crypto.blake3):
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf_hash
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = hash_of(b"\x01" + p + r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hash_of(b"\x01" + r + p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistent(old, old_root, new, new_root, proof, hash_of=crypto.blake3):
    if old > new:
        return False
    if old == new:
        return not proof and old_root == new_root and (old > 0 or old_root == hash_of(b""))
    if old == 0:
        return not proof and old_root == hash_of(b"")
    proof = ([old_root] if old & (old - 1) == 0 else []) + list(proof)
    if not proof:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = hash_of(b"\x01" + c + fr), hash_of(b"\x01" + c + sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = hash_of(b"\x01" + sr + c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == new_root


def bit(path, i):
    return path[i >> 3] >> (7 - (i & 7)) & 1


def map_leaf(path, value):
    return crypto.tagged(0x12, path, value)


def map_root(members):
    """The root over a dictionary of paths and values, both bytes."""
    if not members:
        return EMPTY

    def root(paths):
        if len(paths) == 1:
            return map_leaf(paths[0], members[paths[0]])
        # Sorted: the first bit in which the first and the last differ is the first in which any two do.
        difference = int.from_bytes(paths[0], "big") ^ int.from_bytes(paths[-1], "big")
        i = 256 - difference.bit_length()
        split = next(n for n, path in enumerate(paths) if bit(path, i))
        return crypto.tagged(0x13, bytes([i]), root(paths[:split]), root(paths[split:]))

    return root(sorted(members))


def on_way(path, node, steps, root):
    last = -1
    for i, _ in steps:
        if not last < i < 256:
            return False
        last = i
    for i, sibling in reversed(steps):
        pair = (sibling, node) if bit(path, i) else (node, sibling)
        node = crypto.tagged(0x13, bytes([i]), *pair)
    return node == root


def present(root, path, value, steps):
    return on_way(path, map_leaf(path, value), steps, root)


def absent(root, path, steps, found):
    """`found`: path and value of the member at which the way ends, or `None` for an empty map."""
    if found is None:
        return not steps and root == EMPTY
    other, value = found
    agrees = all(i < 256 and bit(path, i) == bit(other, i) for i, _ in steps)
    return other != path and agrees and present(root, other, value, steps)


def unbase64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not in its only form")
    return data


def is_name(text):
    return bool(text) and not any(c == "+" or c.isspace() or ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text)


def note(data):
    """Text and lines (name, key id, body) of a signed note."""

    def bad(why):
        return Refused("checkpoint", why)

    if len(data) > 65536 or any(b < 0x20 and b != 0x0A or b == 0x7F for b in data):
        raise bad("not the text of a note")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad("not UTF-8") from error
    split = whole.rfind("\n\n")
    if split < 0 or not whole.endswith("\n") or split + 2 >= len(whole):
        raise bad("no signature lines")
    lines = []
    for line in whole[split + 2 : -1].split("\n"):
        match = re.fullmatch("\u2014 ([^ ]+) ([^ ]+)", line)
        try:
            blob = unbase64(match.group(2)) if match and is_name(match.group(1)) else b""
        except ValueError:
            blob = b""
        if len(blob) < 5:
            raise bad("a malformed signature line")
        lines.append((match.group(1), blob[:4], blob[4:]))
    if not 1 <= len(lines) <= 16:
        raise bad("too many signature lines")
    return whole[: split + 1], lines


def key_id(name, kind, key):
    return crypto.sha256(name.encode() + b"\n" + kind + key)[:4]


def vkey(text):
    """Name, type and key of a vkey."""
    name, identifier, encoded = text.split("+", 2)
    blob = unbase64(encoded)
    kind, key = blob[:-32], blob[-32:]
    if len(blob) < 33 or not is_name(name) or key_id(name, kind, key).hex() != identifier:
        raise Refused("checkpoint", "not a vkey")
    return name, kind, key


class Checkpoint:
    """What a checkpoint says; see `opened` for whether it holds."""

    def __init__(self, text):
        match = re.fullmatch(
            "([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]+)\nkeys ([^\n]+)\nlanes ([^\n]+)\nsha256 ([^\n]+)\n", text
        )
        if not match or not is_name(match.group(1)) or int(match.group(2)) > MAX_SAFE:
            raise Refused("checkpoint", "not the text of a checkpoint")
        try:
            hashes = [unbase64(match.group(n)) for n in range(3, 7)]
        except ValueError as error:
            raise Refused("checkpoint", "a root that is none") from error
        if any(len(root) != 32 for root in hashes):
            raise Refused("checkpoint", "a root that is none")
        self.text, self.origin, self.size = text, match.group(1), int(match.group(2))
        self.root, self.keys, self.lanes, self.sha256 = hashes


def signed_at(body, key, message):
    """The time of a line's body, if it holds."""
    if len(body) != 72:
        return None
    time = int.from_bytes(body[:8], "big")
    holds = time <= MAX_SAFE and crypto.verify(key, body[8:], message(time))
    return time if holds else None


def opened(data, ledger_keys, witnesses):
    """A checkpoint, its time, and the names and keys of the witnesses that cosigned it. `witnesses`: names with keys."""
    text, lines = note(data)
    checkpoint, time, cosigned, seen = Checkpoint(text), None, [], set()
    for name, identifier, body in lines:
        if name in seen:
            raise Refused("checkpoint", "two lines of one name")
        seen.add(name)
        if name == checkpoint.origin:
            ours = [key for key in ledger_keys if key_id(name, CHECKPOINT, key) == identifier]
            message = lambda t: f"vaultmesh/checkpoint/v1\ntime {t}\n{text}".encode()  # noqa: E731
            times = [signed_at(body, key, message) for key in ours]
            time = next((t for t in times if t is not None), None)
            if time is None:
                raise Refused("checkpoint", "the ledger's line does not hold")
            continue
        known = [key for witness, key in witnesses if witness == name and key_id(name, COSIGNATURE, key) == identifier]
        if not known:
            raise Refused("checkpoint", f"nobody knows {name}")
        message = lambda t: f"vaultmesh/cosignature/v1\nname {name}\ntime {t}\n{text}".encode()  # noqa: E731
        if signed_at(body, known[0], message) is None:
            raise Refused("checkpoint", f"the line of {name} does not hold")
        cosigned.append((name, known[0]))
    if time is None:
        raise Refused("checkpoint", "no line of the ledger")
    return checkpoint, time, cosigned


def key_path(key):
    return crypto.tagged(0x10, key)


def lane_path(org):
    return crypto.tagged(0x11, org.encode())


def canonical_map(members):
    """The root of a map whose values are JSON."""
    return map_root({path: j(value) for path, value in members.items()})
