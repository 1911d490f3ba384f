"""policies/examples: each case passes, each rule is covered, each policy has cases, each password is a secret."""

from __future__ import annotations

from pathlib import Path

from ops.policy import report
from ops.policy.results import Results
from policy_code import congress
from policy_code.folder import read
from policy_code.model import Secret
from tests.support.programs import congress_python

EXAMPLES = Path(__file__).parents[2] / "policies/examples"


def test_all_cases_pass_and_reach_every_rule() -> None:
    congress_python()
    folder = read(EXAMPLES)
    answer = congress.ask("test", folder)
    assert [*folder.problems, *congress.reported_problems(folder, answer)] == []
    results = Results.of(folder, answer)
    assert (results.failed, results.covered) == (0, len(results.rules)), [*report.lines(results, rules=False)]
    assert {outcome.policy for outcome in results.outcomes} == {policy.is_.name for policy in folder.policies}


def test_a_password_is_a_secret_of_the_stack() -> None:
    for datasource in read(EXAMPLES).datasources:
        assert isinstance(datasource.is_.config["password"], Secret)


def test_rules_that_act_come_after_what_they_act_on() -> None:
    names = [one.name for one in read(EXAMPLES).in_order()]
    assert names.index("nova") < names.index("ForbiddenFlavors") < names.index("PauseForbiddenFlavors")
