"""Kinds and their payloads: `spec/event.md`, sections 2, 9 and 10, as tables of checks."""

import base64
import calendar
import re

from .canonical import MAX_SAFE, Refused, j

NAME = re.compile("[a-z0-9._:-]{1,128}")
HASH = re.compile("[0-9a-f]{64}")
UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z", re.ASCII)
AUTHOR = re.compile(f"(node|user|token):{UUID.pattern}|(service|import):({NAME.pattern})")
RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
LATEST = 253402300799999


def check(holds, what):
    if not holds:
        raise Refused("payload-schema", what)


def is_text(value, low=0, high=1 << 30):
    return isinstance(value, str) and low <= len(value.encode()) <= high


def is_int(value, low=0, high=MAX_SAFE):
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def is_hash(value):
    return isinstance(value, str) and bool(HASH.fullmatch(value))


def is_name(value):
    return isinstance(value, str) and bool(NAME.fullmatch(value))


def is_uuid(value):
    return isinstance(value, str) and bool(UUID.fullmatch(value))


def is_author(value):
    return isinstance(value, str) and bool(AUTHOR.fullmatch(value))


def is_sig(value):
    try:
        return isinstance(value, str) and len(value) == 88 and base64.b64encode(base64.b64decode(value, validate=True)).decode() == value
    except ValueError:
        return False


def millis(value):
    """A time in milliseconds since 1970, or `None`."""
    match = TIME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return None
    year, month, day, hour, minute, second, ms = map(int, match.groups())
    if year < 1970 or not 1 <= month <= 12 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    return calendar.timegm((year, month, day, hour, minute, second)) * 1000 + ms


def is_time(value):
    return millis(value) is not None


def is_month(value):
    return isinstance(value, str) and len(value) == 7 and is_time(f"{value}-01T00:00:00.000Z")


def currency(value):
    return isinstance(value, str) and bool(re.fullmatch("[A-Z]{3}", value))


def half_away(millicents):
    away = (2 * abs(millicents) + 1000) // 2000
    return -away if millicents < 0 else away


def ends(rate):
    return [tier["up_to"] for tier in rate["tiers"] if "up_to" in tier]


def is_rfc3339(value):
    match = RFC3339.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return False
    day, time, _, zone = match.groups()
    moment = millis(f"{day}T{time}.000Z")
    if moment is None:
        return False
    if zone not in "Zz":
        hours, minutes = int(zone[1:3]), int(zone[4:])
        if hours > 23 or minutes > 59:
            return False
        offset = (hours * 60 + minutes) * 60000
        moment += -offset if zone[0] == "+" else offset
    return 0 <= moment <= LATEST


def text(high, low=0):
    return lambda value: is_text(value, low, high)


def integer(low=0, high=MAX_SAFE):
    return lambda value: is_int(value, low, high)


def one_of(*words):
    return lambda value: value in words and isinstance(value, str)


def array(item, low=0, high=1 << 30):
    return lambda value: isinstance(value, list) and low <= len(value) <= high and all(item(v) for v in value)


def rising(item, low, high, key=lambda value: value):
    """An array, sorted, each once."""

    def holds(value):
        if not array(item, low, high)(value):
            return False
        keys = [key(v) for v in value]
        return all(a < b for a, b in zip(keys, keys[1:]))

    return holds


def by_bytes(*fields):
    return lambda value: [value[field].encode() for field in fields]


def boolean(value):
    return isinstance(value, bool)


def reading(item):
    return lambda value: value == "unknown" or item(value)


def fields(*rules, **required):
    """An object of exactly these members; a name with `_` in front is optional. `rules` are asked of the whole."""
    wanted = {name.lstrip("_").replace("__", "-"): (rule, not name.startswith("_")) for name, rule in required.items()}

    def holds(value):
        if not isinstance(value, dict) or any(name not in wanted for name in value):
            return False
        for name, (rule, needed) in wanted.items():
            if name not in value:
                if needed:
                    return False
            elif not rule(value[name]):
                return False
        return all(rule(value) for rule in rules)

    return holds


def told_apart(member, **forms):
    """An object whose member says which fields it has."""

    def holds(value):
        form = forms.get(value.get(member)) if isinstance(value, dict) and isinstance(value.get(member), str) else None
        return form is not None and form({k: v for k, v in value.items() if k != member})

    return holds


def names_to(item, high):
    return lambda value: isinstance(value, dict) and len(value) <= high and all(map(is_name, value)) and all(map(item, value.values()))


REMARK = text(65536)
ANSWER = fields(target=is_hash, _text=REMARK)
PARAMETERS = names_to(text(4096), 64)
LABELS = names_to(text(256), 64)
SIGNED = fields(key=is_hash, sig=is_sig)
SIGNATURES = rising(SIGNED, 1, 16, by_bytes("key"))
LEAVES = fields(index=integer(), leaf_a=is_hash, leaf_b=is_hash, path_a=array(is_hash, 0, 64), path_b=array(is_hash, 0, 64))
SHARE = lambda value: fields(count=integer(0, 4096))(value) or fields(percent=integer(0, 100))(value)  # noqa: E731
REASON = fields(reason=is_name, _subject=text(4096), weight=integer(0, 100))
WITNESS = fields(key=is_hash, name=is_name, outside=boolean, pop=is_sig)
BAND = one_of("OK", "ATTN", "CRIT")
PERCENT = integer(0, 100)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def later(first, second):
    return lambda value: millis(value[first]) < millis(value[second])


def not_before(first, second):
    return lambda value: millis(value[first]) <= millis(value[second])


def genesis_pops(value):
    keys = value["keys"]
    listed = [keys[use] for use in ("checkpoint", "checkpoint-sha256", "command", "service")] + keys["recovery"]["keys"]
    return len(set(listed)) == len(listed) and [pop["key"] for pop in value["pop"]] == sorted(listed)


def window(value):
    if not fields(days=array(one_of(*DAYS), 1, 7), minutes=integer(1, 10080), start=text(5, 5))(value):
        return False
    order = [DAYS.index(day) for day in value["days"]]
    return all(a < b for a, b in zip(order, order[1:])) and bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value["start"], re.ASCII))


COMMANDS = fields(
    _lines=integer(),
    _paths=rising(text(4096), 0, 256, str.encode),
    _templates=rising(text(4096), 0, 256, str.encode),
    _units=rising(text(4096), 0, 256, str.encode),
)
DOCUMENT = fields(
    lambda value: len(j(value)) <= 32768,
    allow=names_to(COMMANDS, 64),
    format=one_of("vaultmesh-policy-v1"),
    mode=one_of("enforce", "observe"),
)
BANDS = fields(lambda value: value["leave"] < value["enter"], enter=PERCENT, leave=PERCENT)
RULE = fields(
    lambda value: not {"enter_beats", "enter_secs"} <= set(value) and not {"leave_beats", "leave_secs"} <= set(value),
    _enter_beats=integer(), _enter_secs=integer(), _leave_beats=integer(), _leave_secs=integer(), _weight=PERCENT,
)  # fmt: skip
INT = reading(integer())
SIGNED_INT = reading(integer(-MAX_SAFE))
HEARTBEAT = fields(
    node_id=is_uuid, hostname=text(256), os_profile=text(256), cloudflare_ok=reading(boolean),
    services_ok=reading(boolean), vaultmesh_root=text(4096), timestamp=is_rfc3339, _agent_version=text(256),
    _agent_rss_bytes=INT, _boot_id=text(256), _clock_offset_ms=SIGNED_INT, _disk_total_bytes=INT,
    _disk_available_bytes=INT, _interval_secs=integer(), _kernel_version=text(256), _load1_milli=INT, _load5_milli=INT,
    _load15_milli=INT, _memory_total_bytes=INT, _memory_available_bytes=INT, _policy_hash=is_hash,
    _pressure_cpu_milli=INT, _pressure_io_milli=INT, _pressure_memory_milli=INT, _spool_depth=integer(),
    _spool_dropped=integer(), _swap_used_bytes=INT, _uptime_secs=INT,
)  # fmt: skip
SCAN = fields(
    _baseline=is_hash,
    counts=fields(critical=integer(), high=integer(), low=integer(), medium=integer(), unknown=integer()),
    duration_ms=integer(),
    findings=rising(
        fields(
            _evidence=is_hash, _explained=text(256), id=is_name, remediation=text(4096),
            severity=one_of("low", "medium", "high", "critical"), subject=text(4096), title=text(512),
        ),
        0, 4096, by_bytes("id", "subject"),
    ),
    root=text(4096), simulated=boolean, started_at=is_time, _tree_root=is_hash,
    unchecked=rising(fields(id=is_name, reason=text(1024)), 0, 1024, by_bytes("id")),
)  # fmt: skip
POSTURE = fields(
    lambda v: ("worst" in v) == any(v[severity] for severity in ("critical", "high", "medium", "low")),
    critical=integer(), high=integer(), low=integer(), medium=integer(), _worst=REASON,
)  # fmt: skip
CHANGE = told_apart(
    "what",
    band=fields(**{"from": BAND, "to": BAND, "reasons": array(REASON, 0, 64)}),
    flapping=fields(state=one_of("began", "ended")),
    reason=fields(_posture=POSTURE, reason=is_name, state=one_of("firing", "cleared"), _subject=text(4096), weight=PERCENT),
    storm=fields(lambda v: v["nodes"] <= v["of"], nodes=integer(), of=integer(), site=text(256), state=one_of("began", "ended")),
)
ISSUE = fields(
    later("not_before", "expires_at"),
    approvals=integer(0, 5), command=is_name, expires_at=is_time, node=is_uuid, nonce=is_hash, not_before=is_time,
    parameters=PARAMETERS, _rollout=fields(id=is_uuid, wave=integer()), sig=is_sig, _text=REMARK,
)  # fmt: skip
SET = fields(
    lambda value: ("outside" in value) == ("windows" in value),
    catch_up=one_of("once", "skip"), command=is_name, id=is_uuid, jitter_secs=integer(0, 86400), name=text(256, 1),
    _os_profile=text(256), _outside=one_of("skip", "wait"), parameters=PARAMETERS, selector=text(1024),
    ttl_secs=integer(1, 2592000),
    when=lambda v: fields(cron=text(512))(v) or fields(every_secs=integer(1, 31622400), start=is_time)(v),
    _windows=array(window, 1, 16),
)  # fmt: skip
START = fields(
    lambda value: ("approvals" in value) == ("approve_by" in value),
    _approvals=integer(1, 5), _approve_by=is_time, command=is_name, id=is_uuid, may_fail=SHARE, name=text(256, 1),
    _os_profile=text(256), parameters=PARAMETERS, pause_secs=integer(0, 604800), selector=text(1024),
    ttl_secs=integer(1, 2592000), waves=array(SHARE, 1, 32),
)  # fmt: skip
BY_ID = fields(id=is_uuid)
METRIC = one_of("api_calls", "decisions", "dig_files", "snapshot_exports", "storage_bytes")
ROLE = one_of("org_owner", "org_admin", "node_admin", "viewer", "support", "auditor")
WHY = text(1024)
ALGORITHMS = one_of("ES256", "ES384", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
SETTINGS = fields(
    lambda v: v["issuer"].startswith(("https://", "http://")),
    algorithms=rising(ALGORITHMS, 1, 9, str.encode), audiences=rising(text(256, 1), 1, 16, str.encode),
    _client_id=text(256, 1), issuer=text(2048), kind=one_of("oidc", "cloudflare-access"),
)  # fmt: skip

SCHEMAS = {
    "acceptance": told_apart(
        "action",
        accept=fields(
            lambda v: not {"node", "selector"} <= set(v),
            check=is_name, expires_at=is_time, _node=is_uuid, _selector=text(1024),
            _severity=one_of("low", "medium", "high", "critical"), _subject=text(4096), text=text(1024, 1),
        ),
        withdraw=fields(acceptance=is_hash),
    ),
    "ack": fields(_expires_at=is_time, target=is_hash, _text=REMARK),
    "admission": fields(version=integer(2)),
    "assign": fields(_assignee=text(256, 1), target=is_hash, _text=REMARK),
    "attention": fields(at=is_time, band=BAND, change=CHANGE, ruleset=is_hash, score=PERCENT, seq=integer()),
    "authority": fields(
        change=fields(new=is_hash, old=is_hash, pop=is_sig, use=one_of("checkpoint", "checkpoint-sha256", "service", "command")),
        prev_change=is_hash,
        signatures=rising(SIGNED, 0, 1 << 30, by_bytes("key")),
    ),
    "baseline": fields(baseline=is_hash, node=is_uuid, _tree_root=is_hash),
    "chain-fork": fields(
        header=lambda v: isinstance(v, dict), key=is_hash, recorded=integer(), sig=is_sig,
        place=fields(epoch=lambda v: isinstance(v, str) and bool(re.fullmatch("[0-9a-f]{32}", v)), seq=integer()),
    ),
    "chain-gap": fields(not_before("from", "to"), **{"count": integer(1), "from": is_time, "head": is_hash, "to": is_time}),
    "chain-open": fields(_last=is_hash, reason=text(1024)),
    "clock": fields(
        lambda v: millis(v["time"]) < millis(v["last"]),
        after=is_hash, last=is_time, signatures=rising(SIGNED, 1, 16, by_bytes("key")), since=integer(), time=is_time,
    ),
    "command": told_apart("action", issue=ISSUE, approve=ANSWER, cancel=ANSWER),
    "contradiction": fields(a=text(65536, 1), b=text(65536, 1), _leaves=LEAVES),
    "enrolment": told_apart(
        "action",
        create=fields(
            lambda v: "node" not in v or v.get("use", "node") == "node",
            expires_at=is_time, _node=is_uuid, org=is_name, _tenant=is_name, token=is_hash, _use=one_of("node", "device", "witness"), uses=integer(),
        ),
        revoke=fields(token=is_hash),
    ),
    "genesis": fields(
        genesis_pops,
        admission=integer(), format=integer(), name=is_name, nonce=is_hash,
        keys=fields(
            checkpoint=is_hash, checkpoint__sha256=is_hash, command=is_hash, service=is_hash,
            recovery=fields(lambda v: v["threshold"] <= len(v["keys"]), keys=array(is_hash, 1, 16), threshold=integer(1)),
        ),
        pop=array(SIGNED),
        _predecessor=fields(checkpoint=text(1 << 20), ledger=is_hash, reason=text(1 << 20), root=is_hash, size=integer()),
    ),
    "goodbye": fields(reason=text(1024), _until=is_time),
    "heartbeat": HEARTBEAT,
    "identity-provider": told_apart("action", set=fields(id=is_name, settings=SETTINGS), remove=fields(id=is_name)),
    "incident": fields(_text=REMARK, title=text(512)),
    "invoice": told_apart(
        "action",
        issue=fields(
            lambda v: v["total_cents"] == sum(line["cents"] for line in v["lines"]),
            currency=currency, month=is_month, total_cents=integer(),
            lines=array(
                fields(
                    not_before("from", "to"),
                    **{
                        "book": is_hash, "cents": integer(), "from": is_time, "to": is_time,
                        "_usage": fields(
                            lambda v: v["first"] <= v["last"],
                            count=integer(1), first=integer(), included=integer(), last=integer(), metric=METRIC, product=is_name,
                            quantity=integer(), root=is_hash,
                        ),
                    },
                ),
                0, 4096,
            ),
        ),
        credit=fields(
            lambda v: v["total_cents"] == sum(line["cents"] for line in v["lines"]),
            corrects=is_hash, total_cents=integer(-MAX_SAFE),
            lines=array(
                fields(
                    lambda v: v["cents"] == half_away(v["millicents"]),
                    cents=integer(-MAX_SAFE), _line=integer(), millicents=integer(-(10**15), 10**15), text=text(1024, 1),
                ),
                1, 64,
            ),
        ),
    ),
    "key": fields(
        lambda v: v["use"] == "node" or not {"labels", "name"} & set(v),
        author=is_author, key=is_hash, _labels=lambda v: LABELS(v) and v != {}, _name=is_name, pop=is_sig, token=is_hash,
        use=one_of("node", "device", "witness"),
    ),
    "key-rotation": fields(key=is_hash, pop=is_sig, replaces=is_hash),
    "key-status": fields(
        lambda v: ("suspect_from" in v) == (v["status"] == "compromised"),
        key=is_hash, _reason=text(256), status=one_of("revoked", "compromised"), _suspect_from=integer(),
    ),
    "labels": fields(lambda v: v != {}, _labels=LABELS, _name=is_name),
    "member": told_apart(
        "action",
        grant=fields(
            lambda v: not {"invitation", "rule"} <= set(v) and ("expires_at" not in v or v["role"] != "org_owner"),
            _expires_at=is_time, _invitation=is_uuid, _reason=WHY, role=ROLE, _rule=is_uuid, user=is_uuid,
        ),
        end=fields(_reason=WHY, role=ROLE, _rule=is_uuid, user=is_uuid),
        invite=fields(expires_at=is_time, id=is_uuid, role=ROLE, secret=is_hash),
        uninvite=BY_ID,
    ),
    "note": fields(_target=is_hash, text=REMARK),
    "notice": fields(
        attempt=integer(1), events=array(is_hash, 1, 256), message=text(128, 1),
        outcome=one_of("delivered", "failed", "given-up"), _status=integer(100, 599), webhook=is_uuid,
    ),
    "org": told_apart(
        "action",
        create=fields(name=text(256, 1)), rename=fields(name=text(256, 1)), suspend=fields(reason=text(1024, 1)), resume=fields(),
    ),
    "policy": told_apart(
        "action",
        assign=fields(lambda v: ("node" in v) != ("selector" in v), document=DOCUMENT, _node=is_uuid, _selector=text(1024)),
        withdraw=fields(assignment=is_hash),
    ),
    "receipt": fields(
        lambda v: ("code" in v) == (v["state"] == "refused"),
        _code=is_name, command=is_hash, _duration_ms=integer(), _exit=integer(0, 255), _output=REMARK,
        _output_bytes=integer(), _output_hash=is_hash, state=one_of("running", "succeeded", "failed", "refused"),
    ),
    "recovery": lambda v: fields(action=one_of("rebuild-root"))(v)
    or fields(action=one_of("accept-clock"), last=is_time)(v)
    or fields(action=one_of("cut-tail"), bytes=integer(), hash=is_hash, offset=integer(), segment=integer())(v),
    "refusal": fields(code=text(64), header=lambda v: isinstance(v, dict), sig=is_sig),
    "reopen": ANSWER,
    "resolve": ANSWER,
    "rollout": told_apart("action", start=START, pause=BY_ID, resume=BY_ID, abort=BY_ID, approve=fields(id=is_uuid, target=is_hash, _text=REMARK)),
    "rollout-wave": fields(
        lambda v: ("failed" in v) == ("succeeded" in v) == (v["step"] in ("halted", "finished")),
        lambda v: ("nodes" in v) == (v["step"] == "chosen"),
        lambda v: v["wave"] == 0 or v["step"] not in ("chosen", "expired"),
        at=is_time, _failed=integer(), _succeeded=integer(), _nodes=rising(is_uuid, 0, 4096), rollout=is_hash,
        step=one_of("chosen", "begun", "halted", "finished", "expired"), wave=integer(0, 31),
    ),
    "ruleset": fields(
        _bands=fields(_at_once=PERCENT, _attn=BANDS, _crit=BANDS, _patience_secs=integer(0, 86400)),
        _flapping=fields(lambda v: v["stop_percent"] < v["start_percent"], start_percent=PERCENT, stop_percent=PERCENT, window=integer(2, 64)),
        _posture_cap=PERCENT, _reasons=names_to(RULE, 128), _storm=fields(least=integer(1), percent=integer(1, 100)),
    ),
    "scan": SCAN,
    "schedule": told_apart("action", set=SET, remove=BY_ID),
    "schedule-run": fields(
        not_before("due", "at"), not_before("first", "due"),
        lambda v: (v["count"] == 1) == (v["first"] == v["due"]) and (v["count"] == 1 or v["outcome"] != "started"),
        lambda v: ("nodes" in v) == (v["outcome"] == "started") == ("reason" not in v),
        lambda v: v.get("reason") in {"started": [None], "missed": ["late"], "skipped": ["no-nodes", "too-many-nodes", "window"]}[v["outcome"]],
        at=is_time, count=integer(1, 10000), due=is_time, first=is_time, _nodes=rising(is_uuid, 1, 4096),
        outcome=one_of("started", "missed", "skipped"), _reason=is_name, schedule=is_hash,
    ),
    "seal": fields(
        admission=is_hash, index=integer(), prev=is_hash, root=is_hash,
        advisory=names_to(fields(digest=is_hash, size=integer(), version=integer()), 1 << 30),
    ),
    "service": fields(
        lambda v: "heartbeat_secs" not in v or v["action"] == "start",
        action=one_of("alive", "start", "stop"), _heartbeat_secs=integer(1, 86400), version=text(128),
    ),
    "price-book": fields(
        base_cents=integer(0, 10**12), currency=currency, plan=one_of("community", "custom", "enterprise", "sovereign", "team"),
        rates=rising(
            fields(
                lambda v: all("up_to" in tier for tier in v["tiers"][:-1]) and "up_to" not in v["tiers"][-1],
                lambda v: all(a < b for a, b in zip([0, *ends(v)], ends(v))),
                included=integer(), metric=METRIC, product=is_name, unit=integer(1),
                tiers=array(fields(millicents=integer(0, 10**12), _up_to=integer()), 1, 16),
            ),
            0, 256, lambda v: [v["product"].encode(), v["metric"]],
        ),
    ),
    "sign-in-rule": told_apart(
        "action",
        set=fields(claim=text(256, 1), id=is_uuid, provider=is_name, role=ROLE, value=text(256, 1)),
        remove=BY_ID,
    ),
    "silence": told_apart(
        "action",
        create=fields(
            lambda v: {"node", "reason", "tenant"} & set(v) and ("subject" not in v or "reason" in v),
            expires_at=is_time, _node=is_uuid, _reason=is_name, _subject=text(4096), _tenant=is_name, text=text(1024, 1),
        ),
        end=fields(silence=is_hash),
    ),
    "slo": fields(
        not_before("from", "to"),
        **{
            "counts": rising(
                fields(component=is_name, count=integer(), operation=is_name, outcome=one_of("allow", "deny", "error", "isolate", "ok", "throttle")),
                1, 1024, by_bytes("component", "operation", "outcome"),
            ),
            "from": is_time, "to": is_time,
        },
    ),
    "tag": fields(tags=array(text(128), 1, 64), target=is_hash),
    "token": told_apart(
        "action",
        create=fields(
            _expires_at=is_time, id=is_uuid, label=text(256), org=is_name, secret=is_hash,
            role=one_of("org_owner", "org_admin", "node_admin", "viewer", "support", "auditor"),
        ),
        revoke=BY_ID,
    ),
    "usage": fields(
        metric=one_of("api_calls", "decisions", "dig_files", "snapshot_exports", "storage_bytes"), product=is_name, quantity=integer(),
    ),
    "user": fields(_email=text(320), issuer=text(2048, 1), _name=text(256), subject=text(1024, 1)),
    "webhook": told_apart(
        "action",
        create=fields(
            lambda v: v["url"].startswith(("https://", "http://")),
            id=is_uuid, secret=is_hash, url=text(2048),
            types=rising(one_of("attention.band", "incident.acked", "incident.opened", "incident.reopened", "incident.resolved"), 1, 16),
        ),
        remove=BY_ID,
    ),
    "witness-key": fields(key=is_hash, name=is_name, pop=is_sig),
    "witness-set": fields(
        prev_change=is_hash,
        set=fields(
            lambda v: 3 * v["quorum"] > 2 * len(v["witnesses"]) and v["quorum"] <= len(v["witnesses"]),
            lambda v: len({w["key"] for w in v["witnesses"]}) == len(v["witnesses"]) and any(w["outside"] for w in v["witnesses"]),
            quorum=integer(), witnesses=rising(WITNESS, 1, 15, by_bytes("name")),
        ),
        signatures=SIGNATURES,
    ),
}  # fmt: skip

VERSIONS = dict.fromkeys("ack attention enrolment heartbeat key labels recovery rollout rollout-wave service".split(), 2)
FROM_TWO = {
    "ack": lambda v: "expires_at" in v,
    "attention": lambda v: "posture" in v["change"],
    "enrolment": lambda v: "node" in v or "use" in v,
    "heartbeat": lambda v: "swap_used_bytes" in v,
    "key": lambda v: "labels" in v or "name" in v,
    "labels": lambda v: "name" in v or "labels" not in v,
    "recovery": lambda v: v.get("action") == "accept-clock",
    "rollout": lambda v: "approvals" in v or v.get("action") == "approve",
    "rollout-wave": lambda v: v.get("step") == "expired",
    "service": lambda v: "heartbeat_secs" in v,
}
SPEAKERS = {
    "ledger": "admission attention authority chain-fork clock contradiction genesis notice recovery refusal seal service witness-set",
    "service": "enrolment key-status token",
    "enrolment": "key",
    "chain": "chain-gap chain-open key-rotation",
    "node": "goodbye heartbeat receipt scan slo witness-key",
    "anyone": "incident note usage",
    "person": "ack assign reopen resolve tag",
    "operator": "acceptance baseline command identity-provider invoice labels member org policy price-book rollout ruleset schedule sign-in-rule silence user webhook",
    "scheduler": "rollout-wave schedule-run",
}
SPEAKER = {kind: speaker for speaker, kinds in SPEAKERS.items() for kind in kinds.split()}


def is_kind(kind):
    return kind in SCHEMAS or is_name(kind) and kind.startswith("x-") and len(kind) > 2


def speaker(kind, version=2):
    said = SPEAKER.get(kind, "anyone")
    return "anyone" if said == "person" and version < 2 else said


def check_payload(kind, version, payload):
    """Whether a payload fits its kind in its version."""
    if kind not in SCHEMAS:
        return check(isinstance(payload, dict), f"{kind} is no object")
    check(version <= VERSIONS.get(kind, 1), f"nobody knows version {version} of {kind}")
    check(SCHEMAS[kind](payload), f"no {kind}")
    check(version > 1 or not FROM_TWO.get(kind, lambda v: False)(payload), f"{kind} says what version 2 can")
