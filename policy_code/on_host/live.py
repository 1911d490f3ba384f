"""What the database has: policies and datasources of this stack as a declaration, and the names that others have.

Whatever the stack created has its mark at the end of the description, so the mark is in every backup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from congress import encryption
from congress.db import datasources as datasources_db
from congress.db import db_policy_rules

from policy_code.plan import LISTS, RESERVED, Declaration, fingerprint, rule_key

# A place behind all others: what no declaration names is deleted first.
LAST = 1_000_000
MARK = re.compile(r"\s*\[congress-ha: ([^\[\]]+)\]$")


def marked(description: str, stack: str) -> str:
    return f"{description} [congress-ha: {stack}]".strip()


def owner(description: str | None) -> str | None:
    match = MARK.search(description or "")
    return match[1] if match else None


@dataclass
class Live:
    """`ids` of datasources, policies and rules by (kind, name, rule). `others`: (kind, name) -> owner, None without."""

    declared: dict[str, dict[str, Any]] = field(default_factory=lambda: {"datasources": {}, "policies": {}})
    ids: dict[tuple[str, str, str], str] = field(default_factory=dict)
    others: dict[tuple[str, str], str | None] = field(default_factory=dict)


def read(stack: str, *known: Declaration) -> Live:
    """`known`: declarations that say what is in which place, and which values are secret beside those that Congress
    encrypts.
    """
    secret = {
        (name, key)
        for one in known
        for name, declared in one["datasources"].items()
        for key, value in declared["config"].items()
        if isinstance(value, Mapping)
    }
    live = Live()
    rules: dict[str, list[Any]] = {}
    for rule in db_policy_rules.get_policy_rules():
        rules.setdefault(rule.policy_name, []).append(rule)
    session = datasources_db.db.get_session()
    found = [("datasource", one) for one in session.query(datasources_db.Datasource)]
    found += [("policy", one) for one in db_policy_rules.get_policies()]
    for kind, one in found:
        if owner(one.description) != stack:
            live.others[kind, one.name] = owner(one.description)
            continue
        live.ids[kind, one.name, ""] = one.id
        live.declared[LISTS[kind]][one.name] = (
            datasource(one, {key for name, key in secret if name == one.name})
            if kind == "datasource"
            else policy(live, one, rules.get(one.name, []))
        )
    for list_, ones in live.declared.items():
        for name, one in ones.items():
            one["place"] = next(
                (other[list_][name]["place"] for other in known if name in other[list_]), LAST
            )
    return live


def policy(live: Live, one: Any, rules: list[Any]) -> dict[str, Any]:
    listed: dict[str, Any] = {}
    for rule in rules:
        key = rule_key(rule.name, rule.rule.strip())
        if key in listed:  # made by hand: the files of a stack have each name once
            key = f"{key} ({rule.id})"
        listed[key] = {"name": rule.name, "rule": rule.rule.strip(), "comment": rule.comment}
        live.ids["rule", one.name, key] = rule.id
    return {
        "kind": one.kind,
        "abbreviation": one.abbreviation,
        "description": MARK.sub("", one.description),
        "rules": listed,
    }


def datasource(one: Any, secret: set[str]) -> dict[str, Any]:
    """A secret value appears as its fingerprint only, and one that cannot be decrypted as another than any."""
    config = json.loads(one.config) or {}
    encrypted = config.pop("__encrypted_fields", [])
    key = encryption.read_key_from_file().decode().strip()
    for name in {*encrypted, *(secret & config.keys())}:
        try:
            value = encryption.decrypt(config[name]) if name in encrypted else str(config[name])
            is_ = fingerprint(key, value)
        except encryption.InvalidToken:
            is_ = "not readable"
        config[name] = {"secret": "", "is": is_}
    return {"driver": one.driver, "description": MARK.sub("", one.description or ""), "config": config}


def fingerprints(secrets: Mapping[str, str]) -> dict[str, str]:
    """Of new values, to be compared with those that `read` gives."""
    key = encryption.read_key_from_file().decode().strip()
    return {name: fingerprint(key, value) for name, value in secrets.items()}


def datasource_names() -> set[str]:
    session = datasources_db.db.get_session()
    return {one.name for one in session.query(datasources_db.Datasource)}


def adopt(name: str, stack: str) -> str:
    """Put the stack's mark on a policy or datasource. Raises LookupError if it is Congress's own, or not there."""
    if name.lower() in RESERVED:
        raise LookupError(f"{name} is Congress's own policy, which no folder can declare")
    session = datasources_db.db.get_session()
    with session.begin():
        for kind, model in (("policy", db_policy_rules.Policy), ("datasource", datasources_db.Datasource)):
            for one in session.query(model).filter(model.name == name):
                before = owner(one.description)
                if before == stack:
                    return f"{kind} {name} belongs to {stack} already"
                one.description = marked(MARK.sub("", one.description or ""), stack)
                return f"{kind} {name} belongs to {stack} now{f', no longer to {before}' if before else ''}"
    raise LookupError(f"there is no policy or datasource {name}")
