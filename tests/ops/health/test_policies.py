"""What status shows of policies and datasources that the stack declares."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ops.common.limits import Limits
from ops.health.assessment import assess
from ops.health.facts import Facts, Unseen
from ops.health.parsing import parse_facts
from ops.health.probes import health_commands
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.health.roles.policy_engine.engine import DatasourceView, EngineView
from ops.health.table import details, rows
from ops.ssh.survey import Report
from ops.stack.outputs import SSH_FILES, parse
from tests.ops.support import sample_stack as healthy
from tests.ops.support.fact_changes import changed

FIRST, SECOND = "policy-engine-host-1", "policy-engine-host-2"
STACK = replace(healthy.STACK, policies=("Flavors", "Running", "Quiet"), datasources=("nova",))
WELL: dict[str, Any] = {
    "policies": {"Flavors": {"error": 1200, "warning": 1}, "Running": {"error": 0}, "Quiet": {}},
    "datasources": {"nova": {"age": 3, "error": ""}},
}


def facts(first: Any = WELL, second: Any = WELL) -> Facts:
    """`first`, `second`: what an engine of each host answers, or why its host does not."""
    known = healthy.reports()
    for host, said in ((FIRST, first), (SECOND, second)):
        if isinstance(said, Report):
            known[host] = said
            continue
        code, out, err = (22, "", said) if isinstance(said, str) else (0, json.dumps(said), "")
        answer = {"policies": {"code": code, "out": out, "err": err, "seconds": 0.1}}
        known[host] = Report(answers={**known[host].answers, **answer})  # type: ignore[dict-item]
    return parse_facts(STACK, known, healthy.SERVERS, 20)


def of_policies(seen: Facts) -> list[tuple[str, str]]:
    return [(one.severity.value, one.what) for one in assess(seen) if one.role == "policies"]


def row(seen: Facts) -> tuple[str, str]:
    return rows(seen, assess(seen))["policies"]


def test_polls_and_violations_are_shown() -> None:
    seen = facts()
    assert of_policies(seen) == []
    assert row(seen) == ("ok", "polled: nova 3 s ago; violations: Flavors 1,200 errors and 1 warning")
    assert details(seen)["policies"] == {
        "violations": WELL["policies"],
        "polls": WELL["datasources"],
    }


def test_the_first_engine_of_each_host_is_asked_for_what_is_declared() -> None:
    command = health_commands(SECOND, STACK, Limits())["policies"]
    assert command["argv"][-1] == "http://10.20.0.2:1789/health/policies"
    assert json.loads(command["stdin"]) == {"policies": [*STACK.policies], "datasources": ["nova"]}


def test_what_is_declared_is_what_the_last_up_applied() -> None:
    outputs: dict[str, Any] = {
        **dict.fromkeys(SSH_FILES.values(), ""),
        "endpoint": "https://192.0.2.10:1789",
        "hosts": {},
        "policy_engines": [],
        "datasource_node": {"node_id": "n"},
    }
    assert parse("dev", outputs).policies == ()
    stack = parse("dev", outputs, {"policies": {"Flavors": {}}, "datasources": {"nova": {}}})
    assert (stack.policies, stack.datasources) == (("Flavors",), ("nova",))


def test_a_stack_that_declares_nothing_asks_nothing_and_has_no_row() -> None:
    assert "policies" not in health_commands(FIRST, healthy.STACK, Limits())
    seen = healthy.facts()
    assert "policies" not in rows(seen, [])
    assert "policies" not in details(seen)


@pytest.mark.parametrize(
    ("name", "what", "shown"),
    [
        ("policies", "policy Flavors is declared, but engines do not have it", "none in 3 policies"),
        ("datasources", "no status of datasource nova", "nova no status"),
    ],
)
def test_what_is_declared_and_not_there_is_wrong(name: str, what: str, shown: str) -> None:
    lost = {**WELL, name: {**WELL[name], **dict.fromkeys([*WELL[name]][:1])}}
    seen = without_engines_views(facts(lost, lost))
    assert of_policies(seen) == [("wrong", what)]
    assert shown in row(seen)[1]


def without_engines_views(seen: Facts) -> Facts:
    """With keystone, an engine's memory requires a token, so the engines' own findings name no datasource."""
    return with_datasources(seen, None)


def with_datasources(seen: Facts, datasources: dict[str, DatasourceView] | None) -> Facts:
    engines = {}
    for name, engine in seen[PolicyEngineHealth].engines.items():
        assert isinstance(engine.view, EngineView)
        engines[name] = replace(engine, view=replace(engine.view, datasources=datasources))
    return changed(seen, PolicyEngineHealth, engines=engines)


def test_an_error_of_a_datasource_is_wrong_once() -> None:
    failed = {**WELL, "datasources": {"nova": {"age": 900, "error": "no login"}}}
    seen = facts(failed, failed)
    assert of_policies(without_engines_views(seen)) == [
        ("wrong", "datasource nova does not update: no login")
    ]
    assert "polled: nova error" in row(seen)[1]
    # Without keystone, the engines' own findings name it.
    view = DatasourceView(present=True, code=200, last_error="no login")
    seen = with_datasources(seen, {"nova": view})
    assert of_policies(seen) == []
    assert "datasource nova does not update: no login" in [one.what for one in assess(seen)]


def test_the_engine_that_knows_more_is_shown_and_what_was_not_counted_is_said() -> None:
    late = {**WELL, "policies": {"Flavors": {"error": None}, "Running": {"error": None}, "Quiet": {}}}
    assert row(facts(late, WELL))[1].endswith("Flavors 1,200 errors and 1 warning")
    assert row(facts(late, late))[1].endswith(
        "violations: none in 1 policies; 2 of 3 policies not counted in time"
    )


def test_engines_that_are_away_are_one_finding_and_the_rest_is_shown() -> None:
    seen = facts("curl: (7) Failed to connect", "curl: (7) Failed to connect")
    assert of_policies(seen) == [
        ("unseen", "no engine reports violations and polls: curl: (7) Failed to connect")
    ]
    assert row(seen)[0] == "unseen"
    assert "2 of 2 answer" in rows(seen, [])["engines"][1]
    assert details(seen)["policies"] is None


def test_one_host_that_is_away_changes_nothing_and_both_have_their_own_findings() -> None:
    lost = Report("no connection within 5 s", connected=False)
    assert row(facts(lost, WELL))[0] == "ok"
    assert of_policies(facts(lost, lost)) == []
    assert isinstance(facts(lost, lost)[PolicyEngineHealth].declared, Unseen)
