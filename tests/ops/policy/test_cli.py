"""`congress-ha policy`: what it prints and its exit codes, as in CI."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree as ET

import pytest

from ops.policy import junit, report
from ops.policy.results import Measured, Outcome, Results, Table
from policy_code.documents import Problem
from tests.policy_code.folders import NOVA, case, policy, write
from tests.support.programs import congress_python, run

ROOT = Path(__file__).parents[3]


def congress_ha(*words: str | Path) -> CompletedProcess[str]:
    congress_python()
    return run(sys.executable, "-m", "ops", "policy", *words, cwd=ROOT, env={"COLUMNS": "120"}, deadline=110)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """In the only case, the policy finds s1, as `expect` says. It also pauses s1, which `execute` does not mention."""
    rules = (
        "\"bad(x) :- nova:tags(x, 'bad')\"",
        '"execute[nova:servers.pause(x)] :- bad(x)"',
        '"no(x) :- bad(x), lt(x, 1)"',
    )
    return write(
        tmp_path / "policies",
        datasources__nova=NOVA,
        p=policy("P", *rules),
        p_test=case(given="{nova:tags: [[s1, bad]]}", expect="{bad: [[s1]]}"),
    )


def test_a_failed_case_shows_the_difference_and_ends_with_1(folder: Path, tmp_path: Path) -> None:
    done = congress_ha("test", folder, "--junit", tmp_path / "junit.xml")
    assert (done.returncode, done.stderr) == (1, "")
    lines = [line.partition(" (")[0] if "FAIL" in line else line for line in done.stdout.splitlines()]
    assert lines == [
        f"{folder}/p.test.yaml",
        "  FAIL  one",
        f"        {folder}/p.test.yaml:2",
        "          execute",
        "            + nova:servers.pause('s1')  found, not expected",
        "rules that found nothing in any case:",
        f"  {folder}/p.yaml:5: no(x) :- bad(x), lt(x, 1)",
        "1 case: 0 passed, 1 failed; 2 of 3 rules covered",
    ]
    suite = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314  our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    [failure] = suite.iter("failure")
    assert "found, not expected" in str(failure.text)


def test_what_passes_ends_with_0_and_an_explanation_names_the_rules(folder: Path) -> None:
    write(folder, p_test=case(given="{nova:tags: [[s1, bad]]}", execute="[\"nova:servers.pause('s1')\"]"))
    done = congress_ha("test", folder, "--rules")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  PASS  one (" in done.stdout
    assert done.stdout.count(f"{folder}/p.yaml:") == 3 + 1
    done = congress_ha("explain", folder, "one", "execute")
    assert done.stdout.splitlines() == [
        "execute[nova:servers.pause('s1')]",
        f"  by the rule of {folder}/p.yaml:4, from",
        "    bad('s1')",
        f"      by the rule of {folder}/p.yaml:3, from",
        "        nova:tags(server_id='s1', tag='bad')   (given)",
    ]


def test_problems_end_with_2_whatever_is_asked(folder: Path) -> None:
    write(folder, p=policy("P", '"p(x) :- nova:tag(x)"'), q="name: Q\n")
    done = congress_ha("validate", folder)
    assert (done.returncode, done.stdout) == (2, "")
    problems = done.stderr.splitlines()
    assert problems[0].startswith(f"{folder}/p.test.yaml:4: expect: no rule of P defines bad")
    assert problems[1] == f"{folder}/p.yaml:3: rules[0]: nova has no table tag: did you mean tags?"
    assert problems[2] == f"{folder}/q.yaml:1: rules: is missing: add it"
    assert problems[3:] == ["3 problems"]
    tested = congress_ha("test", folder)
    assert (tested.returncode, tested.stderr) == (2, done.stderr)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["two", "bad"], "policy explain: no case matches 'two': name one of\n  one\n"),
        (["one", "bat"], "policy explain: no rule defines bat: name one of bad, execute, no\n"),
    ],
)
def test_what_cannot_be_explained_is_named(folder: Path, words: list[str], text: str) -> None:
    done = congress_ha("explain", folder, *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", text)


def test_a_folder_without_cases_explains_nothing(folder: Path) -> None:
    (folder / "p.test.yaml").unlink()
    done = congress_ha("explain", folder, "one", "bad")
    text = "policy explain: the folder has no cases: write one into POLICY.test.yaml, as docs/policies.md shows\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", text)


def test_junit_s_xml_can_be_read_whatever_a_row_has() -> None:
    table = Table("t", ("('\x00<&\ud800')",), (), 0)
    failed = Outcome("f", 2, "P", "<case> \x1b", 0.5, (table,), None)
    gave_up = Outcome("f", 9, "Q", "two", 1.5, (), "too long")
    root = ET.fromstring(junit.text(Results((failed, gave_up), ())))  # noqa: S314  our own
    assert [suite.attrib for suite in root] == [
        {"name": "P", "tests": "1", "failures": "1", "errors": "0", "time": "0.500000"},
        {"name": "Q", "tests": "1", "failures": "0", "errors": "1", "time": "1.500000"},
    ]
    assert [one.get("message") for one in root.iter("error")] == ["too long"]
    assert "('?<&?')" in str(next(root.iter("failure")).text)


def test_the_slowest_rule_is_the_first() -> None:
    rules = tuple(
        Measured(Problem("f", line, "r"), 1, seconds) for line, seconds in ((1, 0.1), (2, 0.3), (3, 0.2))
    )
    lines = [*report.lines(Results((), rules), rules=True)]
    assert [line.split()[-2] for line in lines[1:4]] == ["f:2:", "f:3:", "f:1:"]
    assert lines[-1] == "0 cases: 0 passed, 0 failed; 3 of 3 rules covered"
