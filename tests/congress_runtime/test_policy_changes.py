import json
from typing import Any

from tests.congress_runtime.support.congress_python import run_script


def observe(which: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("policy_changes.py", which))
    return observations


RULES = {
    "flavors": ["allowed(1)", "error(x) :- cloud:servers(x, y), not allowed(y)"],
    "images": ["error(x) :- cloud:servers(x, y), allowed(y)"],
    "networks": ["error(x) :- cloud:servers(x, y), lt(y, 0)"],
}
AFTER = "after the deletion of other policies"


def test_each_policy_has_only_its_own_rules() -> None:
    observed = observe("ours")
    assert observed["rules"] == RULES
    assert observed["errors"] == {"flavors": ['error("b")'], "images": [], "networks": []}
    assert observed[AFTER] == "done"


def test_upstream_mixes_the_rules() -> None:
    """The reason for patches.policy_changes. Once Congress has no such flaw, the patch can go."""
    observed = observe("upstream")
    everything = sorted(rule for rules in RULES.values() for rule in rules)
    assert observed["rules"] == dict.fromkeys(RULES, everything)
    assert observed["errors"] == {policy: ['error("a")', 'error("b")'] for policy in RULES}
    assert observed[AFTER] == "KeyError: 'cloud:servers'"
