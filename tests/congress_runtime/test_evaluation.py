"""The same programs, evaluated by upstream's evaluator and by ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bench import evaluation_bench
from tests.congress_runtime.support.congress_python import AnsweringScript, run_script
from tests.support.programs import congress_python

SCRIPT = "evaluation_programs.py"
ARITIES = {"d:b0": 1, "d:b1": 2, "d:b2": 3, "e:b1": 2, "p:f": 2, "p:r0": 1, "q:r1": 2, "p:r2": 2, "q:r3": 1}
RULES = ["p:r0", "q:r1", "p:r2", "q:r3"]
BUILTINS = ["lt", "equal", "gteq", "plus", "max", "concat", "len", "div", "int", "unpack_time", "ips_equal"]
OUTPUTS = {"plus": 3, "max": 3, "concat": 3, "div": 3, "len": 2, "int": 2, "unpack_time": 4}
Steps = list[list[Any]]


@pytest.fixture(scope="module")
def evaluators() -> Iterator[tuple[AnsweringScript, AnsweringScript]]:
    both = (AnsweringScript(SCRIPT, "upstream"), AnsweringScript(SCRIPT))
    yield both
    for evaluator in both:
        evaluator.end()


def value(kind: str) -> st.SearchStrategy[Any]:
    values: dict[str, list[Any]] = {
        "int": [0, 1, 2, True, 2**70],
        "float": [1.0, 0.5],
        "str": ["1", "a", "b", "", "é€", "10.0.0.1", "2020-01-01 10:00:00"],
    }
    return st.sampled_from(values[kind]).map(lambda chosen: [kind, chosen])


VALUES = st.sampled_from(["int", "int", "str", "float"]).flatmap(value)


def rows(arity: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.tuples(*[VALUES] * arity).map(list), min_size=1, max_size=8)


TERMS = st.sampled_from(["x", "y", "z", "w", "x", "y", "1", "1.0", '"a"', '"1"'])


@st.composite
def rules(draw: st.DrawFn) -> list[str]:
    """Rules that are mostly safe: heads, inputs and negated literals use variables of the body's tables."""
    number = draw(st.integers(0, len(RULES) - 1))
    policy, table = RULES[number].split(":")
    tables = st.sampled_from(["d:b0", "d:b1", "d:b2", "e:b1", "p:f", *RULES[:number], *RULES[:number]])

    def literal(name: str, terms: st.SearchStrategy[str], arity: int) -> tuple[str, list[str]]:
        words = [draw(terms) for _ in range(arity)]
        return f"{name}({', '.join(words)})", [word for word in words if word.isalpha()]

    positive = [
        literal(name, TERMS, ARITIES[name]) for name in draw(st.lists(tables, min_size=1, max_size=3))
    ]
    body = [text for text, _ in positive]
    bound = st.sampled_from([name for _, names in positive for name in names] * 3 + ["1", '"a"'])
    for kind in draw(st.lists(st.sampled_from(["builtin", "negated", "constant"]), max_size=2)):
        name = draw(tables if kind == "negated" else st.sampled_from(BUILTINS))
        if kind == "constant":
            body.append(draw(st.sampled_from(["true()", "false()", "not false()"])))
        elif kind == "negated":
            body.append("not " + literal(name, bound, ARITIES[name])[0])
        else:
            negated = "not " if draw(st.integers(0, 3)) == 0 else ""
            terms = bound if negated else st.one_of(bound, bound, TERMS)
            body.append(negated + literal(name, terms, OUTPUTS.get(name, 2))[0])
    head, _ = literal(table, bound, ARITIES[RULES[number]])
    return ["insert", policy, f"{head} :- {', '.join(draw(st.permutations(body)))}"]


@st.composite
def programs(draw: st.DrawFn) -> Steps:
    steps: Steps = []
    for name in ("d:b0", "d:b1", "d:b2", "e:b1"):
        policy, table = name.split(":")
        steps.append(["rows", policy, table, draw(rows(ARITIES[name]))])
    steps += [["insert", "p", 'f(1, "a")'], ["insert", "p", "f(1.0, 2)"]]
    steps += draw(st.lists(rules(), min_size=3, max_size=9))
    queries = [["data", *name.split(":")] for name in RULES]
    steps += queries
    changes = st.sampled_from(["d:b0", "d:b1", "d:b2", "p:f"]).flatmap(
        lambda name: st.tuples(
            st.sampled_from(["insert", "delete"]),
            st.just(name.split(":")[0]),
            st.tuples(*[st.sampled_from(["1", "1.0", '"a"', '"1"'])] * ARITIES[name]).map(
                lambda terms: f"{name.split(':')[1]}({', '.join(terms)})"
            ),
        ).map(list)
    )
    steps += draw(st.lists(changes, max_size=4))
    steps += [["select", *query] for query in draw(st.lists(selects(), max_size=4))]
    return steps + queries


@st.composite
def selects(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(list(ARITIES)))
    policy, table = name.split(":")
    where = draw(st.sampled_from([(policy, table), ("p", name), ("q", name)]))
    return [where[0], f"{where[1]}({', '.join(draw(TERMS) for _ in range(ARITIES[name]))})"]


def agree(evaluators: tuple[AnsweringScript, AnsweringScript], steps: Steps) -> list[Any]:
    upstream, ours = (evaluator(steps) for evaluator in evaluators)
    for step, (expected, result) in zip(steps, zip(upstream, ours, strict=True), strict=True):
        assert result == expected, step
    return list(ours)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=programs())
def test_random_programs_have_upstream_s_answers(
    evaluators: tuple[AnsweringScript, AnsweringScript], steps: Steps
) -> None:
    agree(evaluators, steps)


@pytest.mark.parametrize(
    ("name", "times"),
    [("filter by a function", 20), ("self-join on one column", 10), ("join of two tables", 10)],
)
def test_evaluation_reads_much_less_than_upstream(
    monkeypatch: pytest.MonkeyPatch, name: str, times: int
) -> None:
    """Seconds of the CPU, from one run over 3,000 rows; docs/figures.md has what more rows take."""
    monkeypatch.setattr("sys.executable", congress_python())
    figures = {what: upstream / ours for what, upstream, ours in evaluation_bench.compare(3000, [name])}
    assert figures[f"{name}, again"] > times


ROWS = [[["int", 1], ["str", "a"]], [["float", 1.0], ["str", "b"]], [["str", "1"], ["str", "a"]]]
BEGIN: Steps = [["rows", "d", "b1", ROWS], ["insert", "p", "r(x, y) :- d:b1(x, y), not q:none(x)"]]
ADVERSE: dict[str, Steps] = {
    "no such policy or table": [["select", "p", "z:t(x)"], ["select", "p", "t(x)"], ["data", "p", "t"]],
    "a trace": [["trace", "p", "r(x, y)"], ["trace", "d", 'b1(x, "a")']],
    "another number of columns": [["select", "d", "b1(x)"], ["select", "d", "b1(x, y, z)"]],
    "the same variable twice": [["insert", "d", "b1(2, 2)"], ["select", "p", "r(x, x)"]],
    "modal": [["insert", "p", "execute[d:stop(x)] :- r(x, y)"], ["select", "p", "execute[d:stop(x)]"]],
    "a policy of another kind": [
        ["insert", "m", "t(1)"],
        ["insert", "p", "s(x) :- m:t(x), r(x, y)"],
        ["select", "p", "s(x)"],
    ],
    "an empty table": [
        ["rows", "d", "b1", []],
        ["select", "p", "r(x, y)"],
        ["insert", "d", "b1(1, 1)"],
        ["select", "p", "r(x, y)"],
        ["delete", "d", "b1(1, 1)"],
        ["select", "p", "r(x, y)"],
    ],
    "a variable without a value": [
        ["select", "p", "s(x) :- not d:b1(x, x)"],
        ["insert", "p", "s(x) :- not r(x, x)"],
    ],
    "a rule as query": [["select", "p", "s(x, z) :- d:b1(x, y), d:b1(z, y)"]],
    "recursion": [["insert", "q", "none(x) :- p:r(x, y)"], ["select", "p", "r(x, y)"]],
    "simulation": [
        ["insert", "a", 'action("add")'],
        ["insert", "a", "s+(x) :- add(x)"],
        ["insert", "p", "s(7)"],
        ["simulate", "p", "s(x)", "add(8) s-(7)"],
        ["select", "p", "s(x)"],
    ],
    "a trigger": [
        ["watch", "p", "r"],
        ["insert", "d", 'b1(9, "z")'],
        ["delete", "d", 'b1(1, "a")'],
        ["seen", "p"],
    ],
}


@pytest.mark.parametrize("steps", ADVERSE.values(), ids=list(ADVERSE))
def test_queries_that_are_hard_to_plan_have_upstream_s_answers(
    evaluators: tuple[AnsweringScript, AnsweringScript], steps: Steps
) -> None:
    assert agree(evaluators, BEGIN + steps)[1] is True


def meanwhile(*words: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("evaluation_concurrency.py", *words))
    return observations


TRIGGERED = {
    "first": [["nova", "start", [1]]],
    "within the change": [],
    "executed": [["nova", "stop", [100]], ["nova", "stop", [101]]],
    "published": [["p:slow", [[0], [1], [2], [100], [101]]]],
}


def test_an_engine_serves_others_while_it_evaluates() -> None:
    observed = meanwhile()
    assert observed["others go on"] == {"rows found": True, "others had a turn": True}
    assert observed["of one moment"] == {
        "the evaluation has the rows of before": True,
        "the next one those of after": True,
    }
    assert observed["triggered"] == TRIGGERED
    status, output = observed["limited"]["answer"]
    assert status == 422
    assert output.startswith(
        "The evaluation was ended::Evaluating p:pair was ended after 2 s, in pair(x) :- "
    )
    assert "set policyEngines.evaluationLimit" in output
    assert observed["limited"]["others"]
    assert observed["ended"] == {
        "trace": "ended",
        "simulation": "ended",
        "rows are as before": True,
        "traced": [],
        "included": 0,
        "rows found": 1000,
    }
    assert observed["too many"] == 10
    assert observed["too long to trigger"] == {"the change": True, "of others": [["nova", "stop", [5000]]]}


def test_upstream_serves_nobody_and_executes_a_wrong_action() -> None:
    observed = meanwhile("upstream")
    assert not observed["others go on"]["others had a turn"]
    (start,), (stop,) = observed["triggered"]["first"], observed["triggered"]["within the change"]
    assert (start[2], stop[2]) == ([1], [100])
    assert start[1] == stop[1]
