"""Cases and explanations with Congress's own engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from policy_code import congress
from policy_code.folder import read
from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.policy_code.folders import NOVA, case, policy, write
from tests.support.programs import congress_python, run

EXAMPLES = Path(__file__).parents[2] / "policies/examples"
PAUSE = "\"execute[nova:servers.pause(x)] :- bad(x), nova:servers(id=x, status='ACTIVE')\""


@pytest.fixture(autouse=True)
def congress_is_installed() -> None:
    congress_python()


RULES = [
    '"bad(x) :- nova:servers(id=x, name=y), not good(y)"',
    "good('web')",
    PAUSE,
    '"none(x) :- good(x), equal(x, 1)"',
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, datasources__nova=NOVA, p=policy("P", *RULES))


def answer(do: str, folder: Path, **words: Any) -> dict[str, Any]:
    output = congress.ask(do, read(folder), **words)
    assert output["problems"] == []
    return output


SERVERS = "[{id: s1, name: web}, {id: s2, name: db, status: ACTIVE}, {id: s3, name: 7, status: SHUTOFF}]"


def test_a_case_tells_what_differs(folder: Path) -> None:
    write(folder, p_test=case(given=f"{{nova:servers: {SERVERS}}}", expect="{bad: [[s2], [s4]], none: []}"))
    [[outcome]] = answer("test", folder)["cases"]
    assert outcome["error"] is None
    assert outcome["tables"] == [
        {"table": "bad", "missing": ["('s4')"], "unexpected": ["('s3')"], "same": 1},
        {"table": "none", "missing": [], "unexpected": [], "same": 0},
        {"table": "execute", "missing": [], "unexpected": ["nova:servers.pause('s2')"], "same": 0},
    ]
    # Facts do not count as rules.
    assert [(rule["rule"], rule["rows"]) for rule in outcome["rules"]] == [(0, 2), (2, 1), (3, 0)]


def test_each_case_begins_with_its_own_rows(folder: Path) -> None:
    cases = f"cases:\n- {{name: one, given: {{nova:servers: {SERVERS}}}, expect: {{bad: [[s2], [s3]]}}, execute: ["
    cases += "\"nova:servers.pause('s2')\"]}\n- {name: two, expect: {bad: []}}\n"
    write(folder, p_test=cases)
    assert [
        [one for one in case_["tables"] if one["missing"] or one["unexpected"]]
        for case_ in answer("test", folder)["cases"][0]
    ] == [[], []]


def test_values_are_what_congress_makes_of_a_datasource_s(tmp_path: Path) -> None:
    write(
        tmp_path,
        datasources__nova=NOVA,
        p=policy("P", '"p(x, y) :- nova:tags(x, y)"'),
        p_test=case(
            given="{nova:tags: [[true, null], [1, 1.5], [é, '1'], {tag: only}]}",
            expect="{p: [[true, null], ['True', 'None'], [1, 1.5], ['', '1'], [null, only]]}",
        ),
    )
    [[outcome]] = answer("test", tmp_path)["cases"]
    assert outcome["tables"][0] == {"table": "p", "missing": [], "unexpected": [], "same": 4}


def test_a_fact_keeps_its_text(tmp_path: Path) -> None:
    write(tmp_path, p=policy("P", "\"p('größe')\""), p_test=case(expect="{p: [[größe]]}"))
    [[outcome]] = answer("test", tmp_path)["cases"]
    assert outcome["tables"][0] == {"table": "p", "missing": [], "unexpected": [], "same": 1}


def test_an_evaluation_that_fails_is_the_case_s_error(tmp_path: Path) -> None:
    rows = [[number, number] for number in range(11)]
    given = f"{{nova:tags: {json.dumps(rows)}}}"
    cases = case(given=given, expect="{p: []}") + "- {name: two, expect: {p: []}}\n"
    rule = '"p(x, z) :- nova:tags(x, y), nova:tags(z, v)"'
    write(tmp_path, datasources__nova=NOVA, p=policy("P", rule), p_test=cases)
    asked = json.dumps({"do": "test", **congress.request(read(tmp_path))})
    done = run(
        congress_python(), Path(__file__).with_name("limited.py"), stdin=asked, env=ENVIRONMENT, deadline=100
    )
    assert done.returncode == 0, done.stderr
    [[failed, other]] = json.loads(done.stdout)["cases"]
    assert "was ended at more than 100 rows" in failed["error"]
    assert (other["error"], other["tables"][0]["missing"]) == (None, [])


def test_why_a_row_is_there(folder: Path) -> None:
    write(folder, p_test=case(given=f"{{nova:servers: {SERVERS}}}", execute="[]"))
    [step] = answer("explain", folder, file=0, case=0, table="execute")["steps"]
    [way] = step["steps"]
    assert (step["row"], way["rule"], way["others"]) == ("execute[nova:servers.pause('s2')]", 2, 0)
    bad, server = way["steps"]
    assert (bad["row"], bad["steps"][0]["rule"]) == ("bad('s2')", 0)
    assert [(one["row"], one["note"]) for one in bad["steps"][0]["steps"]] == [
        ("nova:servers(id='s2', name='db', status='ACTIVE')", "given"),
        ("not good('db')", "there is no such row"),
    ]
    assert server["note"] == "given"


def test_why_there_is_none(folder: Path) -> None:
    write(folder, p_test=case(given="{nova:servers: [{id: s1, name: web, status: ACTIVE}]}", execute="[]"))
    [step] = answer("explain", folder, file=0, case=0, table="execute")["steps"]
    [below] = step.pop("below")
    assert step == {"rule": 2, "policy": "P", "fails": "bad(x)", "before": 0}
    assert below == {"rule": 0, "policy": "P", "fails": "not good(y)", "before": 1, "below": []}


def test_the_engine_of_a_host_executes_the_same(folder: Path) -> None:
    """A case reads the tables of actions. An engine learns of actions by its triggers, and calls the datasource."""
    write(folder, p_test=case(given=f"{{nova:servers: {SERVERS}}}", execute="[]"))
    for file in EXAMPLES.rglob("*.yaml"):
        target = folder / file.relative_to(EXAMPLES)
        target.parent.mkdir(exist_ok=True)
        target.write_text(file.read_text())
    asked = json.dumps(congress.request(read(folder)))
    done = run(
        congress_python(), Path(__file__).with_name("executed.py"), stdin=asked, env=ENVIRONMENT, deadline=100
    )
    assert done.returncode == 0, done.stderr
    tables = [one["tables"][-1] for outcomes in answer("test", folder)["cases"] for one in outcomes]
    # Each policy's own actions; in the examples another one's are no part of what the cases expect.
    actions = [set(one["unexpected"]) for one in tables]
    assert any(actions)
    assert all(
        evaluated <= set(executed)
        for evaluated, executed in zip(actions, json.loads(done.stdout), strict=True)
    )
