"""Canonical JSON: `spec/event.md`, section 1."""

import json
import re

MAX_SAFE = 2**53 - 1
MAX_DEPTH = 64


class Refused(Exception):
    """Bytes that are not what they must be. `code` is that of `spec/verify-codes.md`, where there is one."""

    def __init__(self, code, detail=""):
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code


class Canonical(Refused):
    def __init__(self, detail):
        super().__init__("line-canonical", detail)


def number(value):
    """A number as ECMAScript writes the double."""
    if isinstance(value, int):
        if abs(value) > MAX_SAFE:
            raise Canonical("range")
        return str(value)
    if value != value or abs(value) > MAX_SAFE:
        raise Canonical("range")
    if value == int(value):
        return str(int(value))
    text = repr(value)
    sign = "-" if text.startswith("-") else ""
    mantissa, _, exponent = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # n: where the decimal point stands, counted from before the first digit (ECMA-262, Number::toString).
    point = len(whole) + int(exponent or 0)
    point -= len(whole + fraction) - len((whole + fraction).lstrip("0"))
    digits = digits.rstrip("0")
    count = len(digits)
    if 0 < point <= 21:
        text = digits[:point] + "." + digits[point:] if count > point else digits + "0" * (point - count)
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        power = point - 1
        text = digits[0] + ("." + digits[1:] if count > 1 else "") + "e" + ("+" if power > 0 else "-") + str(abs(power))
    return sign + text


ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def string(text):
    def escape(match):
        char = match.group()
        return ESCAPES.get(char) or f"\\u{ord(char):04x}"

    if re.search("[\ud800-\udfff]", text):
        raise Canonical("surrogate")
    return '"' + re.sub('["\\\\\x00-\x1f]', escape, text) + '"'


def write(value, depth=0):
    """J(x), as text."""
    if isinstance(value, (dict, list)) and depth >= MAX_DEPTH:
        raise Canonical("depth")
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, str):
        return string(value)
    if isinstance(value, list):
        return "[" + ",".join(write(item, depth + 1) for item in value) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(string(key) + ":" + write(value[key], depth + 1) for key in keys) + "}"


def j(value):
    """J(x), as bytes."""
    return write(value).encode()


def once(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Canonical("duplicate")
    return members


def integer(text):
    return float("inf") if len(text) > 20 else int(text)


def read(data):
    """Reads bytes that must be canonical."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Canonical("utf-8") from error
    depth = deepest = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    if deepest > MAX_DEPTH:
        raise Canonical("depth")
    try:
        value = json.loads(text, object_pairs_hook=once, parse_int=integer, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Canonical(str(error)) from error
    if write(value) != text:
        raise Canonical("not in its only form")
    return value


def refuse(word):
    raise Canonical(word)
