"""What differs in Congress from what the stack applied, one sentence each with the repair. No value of a datasource's
configuration is shown: somebody may have put a password there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from policy_code.on_host.live import Live
from policy_code.plan import LISTS, Declaration, comparable, keys_of, label, same_rule, text


@dataclass(frozen=True)
class Difference:
    """`remedy`: what a repair does; with `by_hand`, what the operator does."""

    what: str
    remedy: str
    by_hand: bool = False


def taken(live: Live, declared: Declaration) -> Iterator[tuple[str, str, str, str, str]]:
    """Declared names that somebody else has: kind and name as declared, then as they are there, and whose it is.

    MariaDB compares names without case.
    """
    others = {name.lower(): (kind, name, owner) for (kind, name), owner in live.others.items()}
    for kind, list_ in LISTS.items():
        for name in declared[list_]:
            if name.lower() in others:
                other, there, owner = others[name.lower()]
                whose = f"belongs to stack {owner.removeprefix('congress-')}" if owner else ""
                yield kind, name, other, there, whose


def differences(live: Live, applied: Declaration) -> list[dict[str, Any]]:
    return [asdict(one) for one in found(live, applied)]


def found(live: Live, applied: Declaration) -> Iterator[Difference]:
    lost = set()
    for kind, name, other, there, whose in taken(live, applied):
        lost.add((kind, name))
        what = f"{kind} {name} is not the stack's any more: the {other} {there} {whose or 'has no mark of a stack'}"
        yield Difference(what, f"congress-ha policy adopt {there}, then make repair", by_hand=True)
    for kind, list_ in LISTS.items():
        for name, wanted in applied[list_].items():
            if (there_is := live.declared[list_].get(name)) is not None:
                yield from changed_keys(kind, name, there_is, wanted)
                yield from changed_rules(name, there_is.get("rules", {}), wanted.get("rules", {}))
            elif (kind, name) not in lost:
                yield Difference(f"{kind} {name} is gone", "creates it again")
        for name in live.declared[list_]:
            if name not in applied[list_]:
                remedy = (
                    "declare it in a file; or, to delete it: congress-ha policy overwrite, then make repair"
                )
                what = f"{kind} {name} has the stack's mark, but the last `up` did not declare it"
                yield Difference(what, remedy, by_hand=True)


def changed_keys(
    kind: str, name: str, there_is: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[Difference]:
    former, latter = keys_of(kind, wanted), keys_of(kind, there_is)
    for key in [*former, *sorted(latter.keys() - former.keys())]:
        if key not in latter:
            what = "is gone"
        elif key not in former:
            what = "was added"
        elif comparable(former[key]) == comparable(latter[key]):
            continue
        elif isinstance(former[key], Mapping):
            what = f"is not the secret {former[key]['secret']} any more"
        else:
            what = "was changed" if key.startswith("config.") else f"is {latter[key]!r}, not {former[key]!r}"
        yield Difference(f"{kind} {name}: {key} {what}", "deletes it and creates it again")


def changed_rules(
    policy: str, there_are: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Mapping[str, Any]]
) -> Iterator[Difference]:
    for key, rule in wanted.items():
        now = there_are.get(key)
        if now is None:
            yield Difference(f"rule {label(key)} of policy {policy} is gone", "inserts it again")
        elif not same_rule(now, rule):
            what = "has another comment" if now["rule"] == rule["rule"] else f"is now {text(now)}"
            yield Difference(f"rule {label(key)} of policy {policy} {what}", "restores it")
    for key in sorted(there_are.keys() - wanted.keys()):
        name = f"{label(key)} " if key.startswith(":") else ""
        yield Difference(f"rule {name}was added to policy {policy}: {text(there_are[key])}", "deletes it")
