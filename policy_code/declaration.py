"""A folder as a declaration: the JSON that the stack records, and that `policy_code.plan` compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policy_code.begun import digest
from policy_code.folder import Folder
from policy_code.model import ConfigValue, Datasource, Policy, Secret
from policy_code.plan import Declaration, fingerprint, rule_key

ABBREVIATION = 5  # characters of a policy's name that Congress uses if the policy has no abbreviation


def declaration(folder: Folder, values: Mapping[str, str] | None, key: str = "") -> Declaration:
    """`values` of the secrets, by name, and the `key` of their fingerprints; None while the key is not known."""
    declared: dict[str, dict[str, Any]] = {"datasources": {}, "policies": {}}
    for place, one in enumerate(folder.in_order()):
        if isinstance(one, Datasource):
            declared["datasources"][one.name] = {"place": place, **datasource(one, values, key)}
        else:
            declared["policies"][one.name] = {"place": place, **policy(one)}
    return declared


def summary(declared: Declaration) -> dict[str, Any]:
    """What the stack shows of a declaration: the number of each kind, and a digest that changes with any change."""
    return {
        "datasources": len(declared["datasources"]),
        "policies": len(declared["policies"]),
        "rules": sum(len(one["rules"]) for one in declared["policies"].values()),
        "digest": digest(declared),
    }


def datasource(one: Datasource, values: Mapping[str, str] | None, key: str) -> dict[str, Any]:
    def plain(value: ConfigValue) -> Any:
        if not isinstance(value, Secret):
            return value
        known = {} if values is None else {"is": fingerprint(key, values[value.secret])}
        return {"secret": value.secret, **known}

    return {
        "driver": one.driver,
        "description": one.description.strip(),
        "config": {name: plain(value) for name, value in one.config.items()},
        "protect": one.protect,
    }


def policy(one: Policy) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "abbreviation": one.abbreviation or one.name[:ABBREVIATION],
        "description": one.description.strip(),
        "rules": {
            rule_key(rule.name, rule.rule.strip()): {
                "name": rule.name,
                "rule": rule.rule.strip(),
                "comment": rule.comment or "",
            }
            for rule in one.rules
        },
        "protect": one.protect,
    }
