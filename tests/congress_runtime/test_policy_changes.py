import json
from typing import Any

from tests.congress_runtime.support.of_congress import printed


def seen(which: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("changed_policies.py", which))
    return found


RULES = {
    "flavors": ["allowed(1)", "error(x) :- cloud:servers(x, y), not allowed(y)"],
    "images": ["error(x) :- cloud:servers(x, y), allowed(y)"],
    "networks": ["error(x) :- cloud:servers(x, y), lt(y, 0)"],
}
AFTER = "others deleted, a rule made"


def test_each_policy_has_its_own_rules() -> None:
    found = seen("ours")
    assert found["rules"] == RULES
    assert found["errors"] == {"flavors": ['error("b")'], "images": [], "networks": []}
    assert found[AFTER] == "done"


def test_upstream_alone_mixes_them() -> None:
    """What patches.policy_changes is for; once Congress does better by itself, it can go."""
    found = seen("upstream")
    everything = sorted(rule for rules in RULES.values() for rule in rules)
    assert found["rules"] == dict.fromkeys(RULES, everything)
    assert found["errors"] == {policy: ['error("a")', 'error("b")'] for policy in RULES}
    assert found[AFTER] == "KeyError: 'cloud:servers'"
