"""Organisations and their people: `spec/event.md`, sections 6 and 9, and `spec/log.md`, *Effects*."""

from . import payloads
from .canonical import Refused

DAYS_7 = 7 * 86400 * 1000
GRANTS, INVITATIONS, RULES, PROVIDERS = 10000, 1000, 256, 32
NOTHING = {"invitations": {}, "members": {}, "rules": {}, "suspended": False}


def sure(holds, why):
    if not holds:
        raise Refused("admission", why)


def may(role, allowed):
    """Whether a role may say a kind; `None` stands for kinds that every role says that writes."""
    return role in allowed if allowed is not None else role not in ("viewer", "auditor")


def org(state, name):
    return state.orgs.setdefault(name, {"invitations": {}, "members": {}, "rules": {}, "suspended": False})


def suspended(state, name):
    return state.orgs.get(name, NOTHING)["suspended"]


def roles(state, name, user, now):
    grants = state.orgs.get(name, NOTHING)["members"].get(user, [])
    return {g["role"] for g in grants if "expires_at" not in g or now < payloads.millis(g["expires_at"])}


def everywhere(state, user, now):
    return roles(state, "ledger", user, now) - {"support"}


def for_himself(state, event, payload, now):
    kind, _, name = event.author.partition(":")
    if kind != "user" or payload.get("user") != name:
        return False
    if payload["action"] == "end" or {"invitation", "rule"} & set(payload):
        return True
    visit = payload["role"] == "support" and {"expires_at", "reason"} <= set(payload)
    support = "support" in roles(state, "ledger", name, now)
    return visit and support and payloads.millis(payload["expires_at"]) <= now + DAYS_7


def admit(state, event, payload, table, now):
    """What a person says whom a provider vouches for."""
    kind, _, user = event.author.partition(":")
    sure(kind == "user", "not-allowed")
    if event.kind == "user":
        return
    wide = everywhere(state, user, now)
    sure(wide or not suspended(state, event.org), "org-suspended")
    if event.kind == "member" and for_himself(state, event, payload, now):
        return
    own = roles(state, event.org, user, now) | wide
    sure(own, "wrong-org")
    sure(any(may(role, table.get(event.kind)) for role in own), "not-allowed")


def is_owner(state, event, now):
    kind, _, name = event.author.partition(":")
    if kind == "token":
        return state.tokens[name]["role"] == "org_owner"
    if kind == "user":
        return "org_owner" in roles(state, event.org, name, now) | everywhere(state, name, now)
    return kind == "service"


def is_everywhere(state, event, now):
    kind, _, name = event.author.partition(":")
    if kind == "token":
        return state.tokens[name]["org"] == "ledger"
    return kind == "service" or kind == "user" and bool(everywhere(state, name, now))


def of_ledger_or_governed(event):
    sure(event.org != "ledger" or event.via["method"] in ("admin", "token", "sign-in"), "wrong-org")


def admit_org(state, event, payload, now):
    sure(event.org != "ledger", "wrong-org")
    made = "name" in state.orgs.get(event.org, NOTHING)
    sure(made != (payload["action"] == "create"), "duplicate-id or wrong-org")
    sure(payload["action"] == "rename" or is_everywhere(state, event, now), "not-allowed")


def has(known, user, role, rule):
    return any(g["role"] == role and g.get("rule") == rule for g in known["members"].get(user, []))


def admit_member(state, event, payload, now):
    of_ledger_or_governed(event)
    known, action = state.orgs.get(event.org, NOTHING), payload["action"]
    if action == "uninvite":
        return sure(payload["id"] in known["invitations"], "token-unknown")
    himself = event.author.startswith("user:") and for_himself(state, event, payload, now)
    role = payload["role"]
    sure(role != "org_owner" or himself or is_owner(state, event, now), "not-allowed")
    if action == "invite":
        sure(payload["id"] not in known["invitations"], "duplicate-id")
        return sure(len(known["invitations"]) < INVITATIONS, "too-many")
    there = has(known, payload["user"], role, payload.get("rule"))
    if action == "end":
        sure(there, "bad-payload")
        owners = [u for u, grants in known["members"].items() if any(g == {"role": "org_owner"} for g in grants)]
        return sure(role != "org_owner" or "rule" in payload or len(owners) != 1, "last-owner")
    sure(there or sum(map(len, known["members"].values())) < GRANTS, "too-many")
    if "invitation" in payload:
        invitation = known["invitations"].get(payload["invitation"])
        sure(himself and invitation is not None, "token-unknown")
        sure(now < payloads.millis(invitation["expires_at"]), "token-expired")
        sure(invitation["role"] == role, "not-allowed")
    if "rule" in payload:
        rule = known["rules"].get(payload["rule"])
        sure(himself and rule is not None and rule["role"] == role, "not-allowed")


def admit_provider(state, event, payload, _):
    sure(event.org == "ledger", "wrong-org")
    known = payload["id"] in state.providers
    if payload["action"] == "remove":
        return sure(known, "bad-payload")
    taken = [settings["issuer"] for other, settings in state.providers.items() if other != payload["id"]]
    sure(payload["settings"]["issuer"] not in taken, "duplicate-id")
    sure(known or len(state.providers) < PROVIDERS, "too-many")


def admit_rule(state, event, payload, now):
    of_ledger_or_governed(event)
    known = state.orgs.get(event.org, NOTHING)["rules"]
    before = known.get(payload["id"])
    owners = "org_owner" in (payload.get("role"), before and before["role"])
    sure(not owners or is_owner(state, event, now), "not-allowed")
    if payload["action"] == "remove":
        return sure(before is not None, "bad-payload")
    sure(payload["provider"] in state.providers, "bad-payload")
    sure(before is not None or len(known) < RULES, "too-many")


def admit_user(_, event, __, ___):
    sure(event.org == "ledger", "wrong-org")


KINDS = {
    "identity-provider": admit_provider,
    "member": admit_member,
    "org": admit_org,
    "sign-in-rule": admit_rule,
    "user": admit_user,
}


def end(known, ends):
    left = {user: [g for g in grants if not ends(user, g)] for user, grants in known["members"].items()}
    known["members"] = {user: grants for user, grants in left.items() if grants}


def apply_org(known, payload):
    if "name" in payload:
        known["name"] = payload["name"]
    else:
        known["suspended"] = payload["action"] == "suspend"


def apply_member(known, payload):
    action = payload["action"]
    if action == "invite":
        known["invitations"][payload["id"]] = {name: payload[name] for name in ("expires_at", "role", "secret")}
    elif action == "uninvite":
        del known["invitations"][payload["id"]]
    else:
        user, place = payload["user"], (payload["role"], payload.get("rule", ""))
        end(known, lambda who, g: who == user and (g["role"], g.get("rule", "")) == place)
        if action == "grant":
            known["invitations"].pop(payload.get("invitation"), None)
            grant = {name: payload[name] for name in ("expires_at", "role", "rule") if name in payload}
            grants = known["members"].get(user, []) + [grant]
            known["members"][user] = sorted(grants, key=lambda g: (g["role"], g.get("rule", "")))


def apply_rule(known, payload):
    end(known, lambda _, g: g.get("rule") == payload["id"])
    if payload["action"] == "set":
        known["rules"][payload["id"]] = {name: payload[name] for name in ("claim", "provider", "role", "value")}
    else:
        del known["rules"][payload["id"]]


def apply_provider(state, payload):
    if payload["action"] == "set":
        state.providers[payload["id"]] = payload["settings"]
        return
    del state.providers[payload["id"]]
    for known in state.orgs.values():
        gone = {rule for rule, said in known["rules"].items() if said["provider"] == payload["id"]}
        end(known, lambda _, g: g.get("rule") in gone)
