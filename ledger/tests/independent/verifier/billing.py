"""What usage costs, and what proves a bill: `spec/billing.md`."""

import json

from . import crypto, payloads
from .canonical import MAX_SAFE

GREATEST = ("storage_bytes",)


def cents(n, d):
    """Half a cent goes away from zero."""
    away = (2 * abs(n) + d) // (2 * d)
    return -away if n < 0 else away


def u64(number):
    return number.to_bytes(8, "big")


def both(metric, a, b):
    return max(a, b) if metric in GREATEST else min(a + b, MAX_SAFE)


def sum_tree(metric, entries):
    """Hash and quantity at the top of the tree over (seq, quantity, leaf)."""
    if len(entries) == 1:
        seq, quantity, leaf = entries[0]
        return crypto.tagged(0x32, u64(seq), u64(quantity), leaf), quantity
    split = 1 << (len(entries) - 1).bit_length() - 1
    (left, a), (right, b) = sum_tree(metric, entries[:split]), sum_tree(metric, entries[split:])
    return crypto.tagged(0x33, left, u64(a), right, u64(b)), both(metric, a, b)


def month_of(text):
    """First moment of a month and of the next, in milliseconds."""
    year, month = int(text[:4]), int(text[5:])
    following = (year + month // 12, month % 12 + 1)
    return tuple(payloads.millis(f"{y:04}-{m:02}-01T00:00:00.000Z") for y, m in ((year, month), following))


def base_line(event, book, span, month):
    """The line of the base price, or `None`."""
    start, end = (payloads.millis(time) for time in span)
    whole = month[1] - month[0]
    if not book["base_cents"] or start == end:
        return None
    return {"book": event, "cents": cents(book["base_cents"] * (end - start), whole), "from": span[0], "to": span[1]}


def usage_line(event, rate, span, month, entries):
    """The line of what was used."""
    start, end = (payloads.millis(time) for time in span)
    whole = month[1] - month[0]
    root, quantity = sum_tree(rate["metric"], entries)
    included = rate["included"] * (end - start) // whole
    over, below, millicents = max(quantity - included, 0), 0, 0
    for tier in rate["tiers"]:
        top = tier["up_to"] * (end - start) // whole if "up_to" in tier else over
        part = max(min(over, top) - below, 0)
        millicents += -(-part // rate["unit"]) * tier["millicents"]
        below = max(top, below)
    usage = {
        "count": len(entries), "first": entries[0][0], "included": included, "last": entries[-1][0], "metric": rate["metric"],
        "product": rate["product"], "quantity": quantity, "root": root.hex(),
    }  # fmt: skip
    return {"book": event, "cents": cents(millicents, 1000), "from": span[0], "to": span[1], "usage": usage}


def check_evidence(text, check_bundle, read_included):
    """Recomputes the invoice of a file: its total, and what is due; `ValueError` where it does not hold.

    `check_bundle` verifies a bundle's line and gives its entry's event hash, header, payload and tree; `read_included` gives
    the event of a line that is in the tree, with its leaf and position.
    """

    def sure(holds, what):
        if not holds:
            raise ValueError(what)

    first, *rest = text.splitlines()
    own, header, invoice, tree = check_bundle(first)
    sure(header["kind"] == "invoice" and invoice["action"] == "issue", "no invoice")
    month = month_of(invoice["month"])
    books, usage, credits, seen = {}, {}, 0, set()
    for line in rest:
        said = read_included(json.loads(line), tree)
        about, payload = said["header"], said["payload"]
        sure(said["seq"] not in seen, "there twice")
        seen.add(said["seq"])
        same = about.get("tenant") == header.get("tenant")
        sure(about["org"] == header["org"] and (same or about["kind"] == "price-book" and "tenant" not in about), "of others")
        if about["kind"] == "price-book":
            books[said["hash"]] = (said["seq"], said["at"], payload)
        elif about["kind"] == "usage":
            usage[said["seq"]] = (said["at"], payload, said["leaf"])
        else:
            sure(about["kind"] == "invoice" and payload["action"] == "credit", "no part of an invoice")
            credits += payload["total_cents"] if payload["corrects"] == own else 0
    counted, billed, spans = set(), set(), {}
    for line in invoice["lines"]:
        seq, at, book = books[line["book"]]
        start, end = payloads.millis(line["from"]), payloads.millis(line["to"])
        sure(start == max(at, month[0]) and start <= end <= month[1] and book["currency"] == invoice["currency"], "its span")
        sure(spans.setdefault(seq, (start, end)) == (start, end), "two spans of one book")
        what = line.get("usage") and (line["usage"]["product"], line["usage"]["metric"])
        sure((seq, what) not in billed, "billed twice")
        billed.add((seq, what))
        span = line["from"], line["to"]
        if what is None:
            again = base_line(line["book"], book, span, month)
        else:
            first, last = line["usage"]["first"], line["usage"]["last"]
            of = lambda said: (said["product"], said["metric"]) == what
            mine = {n: one for n, one in sorted(usage.items()) if first <= n <= last and of(one[1])}
            sure(all(month[0] <= one[0] < month[1] and n > seq for n, one in mine.items()), "of another month or book")
            sure(mine and not counted & set(mine), "counted twice, or nothing")
            counted |= set(mine)
            rate = next(rate for rate in book["rates"] if of(rate))
            again = usage_line(line["book"], rate, span, month, [(n, one[1]["quantity"], one[2]) for n, one in mine.items()])
        sure(again == line, f"recomputed it is {again}")
    spans = sorted(spans.values())
    sure(all(a[1] <= b[0] for a, b in zip(spans, spans[1:])), "two books for one time")
    sure(counted == set(usage), "usage that no line counts")
    return invoice["total_cents"], invoice["total_cents"] + credits
