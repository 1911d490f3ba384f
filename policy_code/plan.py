"""The difference between two declarations as actions, in the order in which they are applied.

`pulumi preview` shows these actions, and the host applies them: both use this module, so it imports nothing of ours. A
declaration is JSON: `datasources` and `policies` by name, in the order in which they are applied; a policy has its
`rules` by key. A secret value is {"secret": NAME, "is": FINGERPRINT}. Pulumi's state sorts keys, so each datasource and
policy also has its `place`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Declaration = Mapping[str, Mapping[str, Any]]
NOTHING: Declaration = {"datasources": {}, "policies": {}}
# What Congress cannot change in place: with another value, the whole is deleted and created again.
FIXED = {"datasource": ("driver", "description", "config"), "policy": ("kind", "abbreviation", "description")}
# Policies that Congress creates itself, and does not delete.
RESERVED = {"action", "builtin", "classification"}
LISTS = {"datasource": "datasources", "policy": "policies"}


@dataclass(frozen=True)
class Action:
    """`do`: delete or create. `kind`: datasource, policy or rule. `name`: of datasource or policy; `rule`: its key."""

    do: str
    kind: str
    name: str
    rule: str = ""

    def __str__(self) -> str:
        what = (
            f"rule {label(self.rule)} of {self.name}" if self.kind == "rule" else f"{self.kind} {self.name}"
        )
        return f"{self.do} {what}"

    @property
    def concerns(self) -> tuple[str, str, str]:
        return (self.kind, self.name, self.rule)


def rule_key(name: str | None, rule: str) -> str:
    """Rules are matched by name, and by text without one. No rule begins with a colon."""
    return f":{name}" if name else rule


def label(key: str) -> str:
    return key.removeprefix(":")


def fingerprint(key: str, value: str) -> str:
    """Tells whether a secret has another value than before, to those who have the deployment's encryption key."""
    return hmac.new(key.encode(), f"congress-ha policies {value}".encode(), hashlib.sha256).hexdigest()[:16]


def comparable(value: Any) -> str:
    """Texts that are equal if two values are: 1 and true are not, and the name of a secret does not matter."""
    if isinstance(value, Mapping) and "is" in value:
        return f"is {value['is']}"
    if isinstance(value, Mapping):
        return json.dumps([(key, comparable(value[key])) for key in sorted(value)])
    return json.dumps(value)


def keys_of(kind: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """What of it is fixed, flat: `config.KEY` for each key of a configuration."""
    flat: dict[str, Any] = {}
    for key in FIXED[kind]:
        if key == "config":
            flat.update((f"config.{name}", value) for name, value in one["config"].items())
        else:
            flat[key] = one[key]
    return flat


def same(kind: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return comparable(keys_of(kind, one)) == comparable(keys_of(kind, other))


def same_rule(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (one["rule"], one["comment"]) == (other["rule"], other["comment"])


def plan(old: Declaration, new: Declaration) -> list[Action]:
    """Removals come first, in the reverse order. What is replaced is deleted and created with nothing in between."""
    return [*removals(old, new), *datasources(old, new), *policies(old, new)]


def backwards(ones: Mapping[str, Any]) -> list[str]:
    return sorted(ones, key=lambda name: (ones[name]["place"], name), reverse=True)


def removals(old: Declaration, new: Declaration) -> Iterator[Action]:
    for name in backwards(old["policies"]):
        before, after = old["policies"][name], new["policies"].get(name)
        if after is not None and same("policy", before, after):
            for key in sorted(before["rules"]):
                if key not in after["rules"]:
                    yield Action("delete", "rule", name, key)
    for kind in ("policy", "datasource"):
        for name in backwards(old[LISTS[kind]]):
            if name not in new[LISTS[kind]]:
                yield Action("delete", kind, name)


def datasources(old: Declaration, new: Declaration) -> Iterator[Action]:
    for name, after in new["datasources"].items():
        before = old["datasources"].get(name)
        if before is None or not same("datasource", before, after):
            if before is not None:
                yield Action("delete", "datasource", name)
            yield Action("create", "datasource", name)


def policies(old: Declaration, new: Declaration) -> Iterator[Action]:
    for name, after in new["policies"].items():
        before = old["policies"].get(name)
        if before is None or not same("policy", before, after):
            if before is not None:
                yield Action("delete", "policy", name)
            yield Action("create", "policy", name)
            continue
        yield from rules(name, before["rules"], after["rules"])


def rules(policy: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Action]:
    """Each changed rule is deleted and created at once, unless another one gets its text: Congress has a text once."""
    created = [key for key, rule in after.items() if key not in before or not same_rule(before[key], rule)]
    getting = {text(after[key]): key for key in created}
    moved = [key for key in created if key in before and getting.get(text(before[key]), key) != key]
    yield from (Action("delete", "rule", policy, key) for key in moved)
    for key in created:
        if key in before and key not in moved:
            yield Action("delete", "rule", policy, key)
        yield Action("create", "rule", policy, key)


def only_removed(actions: Sequence[Action]) -> list[Action]:
    """Deletions after which the thing is not created again."""
    created = {action.concerns for action in actions if action.do == "create"}
    return [action for action in actions if action.concerns not in created]


def without_secrets(declared: Declaration) -> Declaration:
    """With one value for all secrets: what is refused may be known before the key of their fingerprints is."""
    datasources = {
        name: {
            **one,
            "config": {
                key: {"secret": "", "is": ""} if isinstance(value, Mapping) else value
                for key, value in one["config"].items()
            },
        }
        for name, one in declared["datasources"].items()
    }
    return {**declared, "datasources": datasources}


def refusals(old: Declaration, new: Declaration) -> list[str]:
    """Deletions of what the last `up` protected, each with the way out."""
    return [
        f"{action.kind} {action.name} is protected, and this would delete it"
        f"{'' if action in removed else ' and create it again'}: set `protect: false` in its file, run `pulumi up`, "
        "then change it"
        for actions in [plan(old, new)]
        for removed in [only_removed(actions)]
        for action in actions
        if action.do == "delete"
        and action.kind != "rule"
        and old[LISTS[action.kind]][action.name].get("protect")
    ]


def other_drivers(old: Declaration, new: Declaration) -> list[str]:
    """Datasources that would get another driver: engines keep its columns in rules that do not change."""
    return [
        f"datasource {name} would change its driver from {before['driver']} to {after['driver']}, and rules would keep "
        f"the columns of {before['driver']}: give the new datasource another name, or remove it and what reads it in "
        "one `up`, and declare both in the next"
        for name, after in new["datasources"].items()
        for before in [old["datasources"].get(name)]
        if before is not None and before["driver"] != after["driver"]
    ]


def lines(old: Declaration, new: Declaration) -> list[str]:
    """Each action with what it is about, key by key and rule by rule."""
    return [line for block in blocks(old, new) for line in block]


def blocks(old: Declaration, new: Declaration) -> list[list[str]]:
    """The lines of each action."""
    actions = plan(old, new)
    removed = only_removed(actions)
    return [
        [*(deletion(action, old, new, removed) if action.do == "delete" else creation(action, new))]
        for action in actions
    ]


def deletion(action: Action, old: Declaration, new: Declaration, removed: Sequence[Action]) -> Iterator[str]:
    if action.kind == "rule":
        yield f"- rule {label(action.rule)} of {action.name}: {text_of(old, action)}"
        return
    before = old[LISTS[action.kind]][action.name]
    rules = f" with {len(before['rules'])} rules" if action.kind == "policy" else ""
    if action in removed:
        yield f"- {action.kind} {action.name}{rules}"
        return
    yield f"- {action.kind} {action.name}{rules}, to create it again with"
    former = keys_of(action.kind, before)
    latter = keys_of(action.kind, new[LISTS[action.kind]][action.name])
    for key in [*latter, *sorted(former.keys() - latter.keys())]:
        if key not in latter:
            yield f"    - {key}: {shown(former[key])}"
        elif key not in former:
            yield f"    + {key}: {shown(latter[key])}"
        elif comparable(former[key]) != comparable(latter[key]):
            secret = isinstance(former[key], Mapping) and isinstance(latter[key], Mapping)
            change = (
                f"{shown(latter[key])}, another value"
                if secret
                else f"{shown(former[key])} -> {shown(latter[key])}"
            )
            yield f"    ~ {key}: {change}"


def creation(action: Action, new: Declaration) -> Iterator[str]:
    if action.kind == "rule":
        yield f"+ rule {label(action.rule)} of {action.name}: {text_of(new, action)}"
        return
    one = new[LISTS[action.kind]][action.name]
    yield f"+ {action.kind} {action.name}"
    yield from (f"    + {key}: {shown(value)}" for key, value in keys_of(action.kind, one).items() if value)
    for key, rule in one.get("rules", {}).items():
        name = f"{label(key)}: " if key.startswith(":") else ""
        yield f"    + rule {name}{' '.join(rule['rule'].split())}"


def text_of(declaration: Declaration, action: Action) -> str:
    return text(declaration["policies"][action.name]["rules"][action.rule])


def text(rule: Mapping[str, Any]) -> str:
    return " ".join(rule["rule"].split())


def shown(value: Any) -> str:
    return f"secret {value['secret']}" if isinstance(value, Mapping) else str(value)
