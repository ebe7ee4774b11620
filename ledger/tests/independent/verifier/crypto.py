"""Hashes (`spec/event.md`, section 3) and signatures by the rule of ZIP-215 (`spec/proof.md`, section 7)."""

import hashlib

import blake3 as _blake3

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
ZERO = bytes(32)


def blake3(data):
    return _blake3.blake3(data).digest()


def tagged(domain, *parts):
    return blake3(bytes([domain]) + b"".join(parts))


def sha256(data):
    return hashlib.sha256(data).digest()


def x_of(y, sign):
    """The x-coordinate of a point; with x = 0 either sign is taken, as ZIP-215 does."""
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == -u % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if v * x * x % P != u:
        return None
    return -x % P if x & 1 != sign else x


def decode(data):
    """A point in extended coordinates from any encoding, canonical or not."""
    number = int.from_bytes(data, "little")
    y, sign = (number & (2**255 - 1)) % P, number >> 255
    x = x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def add(p, q):
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


IDENTITY = (0, 1, 1, 0)


def times(scalar, point):
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def negative(point):
    return -point[0] % P, point[1], point[2], -point[3] % P


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
_decoded = {}


def verify(key, signature, message):
    """Whether [8][s]B = [8]R + [8][k]A."""
    if len(key) != 32 or len(signature) != 64:
        return False
    if key not in _decoded:
        _decoded[key] = decode(key)
    a, r = _decoded[key], decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    right = add(r, times(k, a))
    return same(times(8, add(times(s, BASE), negative(right))), IDENTITY)


def is_good_key(key):
    """What a key is held to when it is introduced."""
    point = decode(key)
    if point is None:
        return False
    y = int.from_bytes(key, "little") & (2**255 - 1)
    if y >= P or point[0] == 0 and key[31] >> 7:
        return False
    return not same(times(8, point), IDENTITY) and same(times(L, point), IDENTITY)
