"""Which policies were simulated on which stack: a file in their folder, which `up` reads before it lets them execute.

The file has a digest for each policy that executes actions. The digest covers the policy, and all policies and
datasources that the policy uses directly or through others, because a change of any of these may execute its actions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from policy_code.folder import SERVICE
from policy_code.plan import FIXED, LISTS, Declaration

FILE = "simulated.json"


def digest(declared: Declaration, name: str) -> str:
    parts = [
        [kind, one, relevant(kind, declared[LISTS[kind]][one])]
        for kind, one in sorted({*used(declared, name)})
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def used(declared: Declaration, name: str) -> Iterator[tuple[str, str]]:
    """Kind and name of a policy and of everything that it uses."""
    waiting, seen = [name], set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        if one in declared["datasources"]:
            yield "datasource", one
        elif one in declared["policies"]:
            yield "policy", one
            waiting += [
                other
                for rule in declared["policies"][one]["rules"].values()
                for other in SERVICE.findall(rule["rule"])
            ]


def relevant(kind: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """The part of it that may execute actions, without fingerprints of secrets, which are unknown before `up` runs."""
    known = {key: one[key] for key in FIXED[kind]}
    if kind == "policy":
        # As plan.same_rule: Pulumi's state may lack a name that is None.
        return {
            **known,
            "rules": {key: [rule["rule"], rule["comment"]] for key, rule in one["rules"].items()},
        }
    config = {
        key: {"secret": value["secret"]} if isinstance(value, Mapping) else value
        for key, value in one["config"].items()
    }
    return {**known, "config": config}


def record(folder: Path, stack: str, declared: Declaration, executing: Collection[str]) -> Path:
    """Write that the policies were simulated on the stack. Raises OSError."""
    file = folder / FILE
    known = {**read(folder), stack: {name: digest(declared, name) for name in sorted(executing)}}
    file.write_text(f"{json.dumps(known, indent=1, sort_keys=True)}\n")
    return file


def read(folder: Path) -> dict[str, Any]:
    """Stack -> policy -> digest. A file that cannot be read says nothing of any stack."""
    try:
        known = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def unsimulated(
    folder: Path,
    stack: str,
    before: Collection[Declaration],
    after: Declaration,
    executing: Collection[str],
) -> list[str]:
    """Names of policies that were not simulated, although something new or changed may make them execute actions.

    `before`: one of them is in Congress, or parts of several.
    """
    known = read(folder).get(stack, {})
    return [
        name
        for name in sorted(executing)
        for now in [digest(after, name)]
        if now != known.get(name)
        and {digest(one, name) if name in one["policies"] else "" for one in before} != {now}
    ]
