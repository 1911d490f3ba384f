"""What Congress itself finds wrong with a folder, and that nothing secret is handed to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policy_code import congress
from policy_code.congress import CongressError
from policy_code.folder import read
from tests.policy_code.folders import NOVA, case, policy, write
from tests.support.programs import congress_python

# Rules and what is wrong with them; the first is in line 3.
WRONG = {
    '"p(x) :- nova:servers(x"': ['rules[0] is no rule near "x"'],
    '"p(x) :- , q(x)"': ['rules[1] is no rule near ", q(x)"'],
    '"p(1) p(2)"': ["rules[2] has several rules"],
    '"insert[p(1) :- true]"': ["rules[3] is a change and no rule"],
    '"# nothing"': ["rules[4] "],
    '"a(x) :- nowa:servers(x)"': [
        "rules[5]: nowa:servers: there is no datasource or policy nowa: did you mean nova?"
    ],
    '"b(x) :- nova:server(x)"': ["rules[6]: nova has no table server: did you mean servers"],
    '"c(x) :- nova:servers(idd=x), nova:flavors(99=x)"': [
        "rules[7]: nova:servers has no column idd: did you mean id?",
        "rules[7]: nova:flavors has no column 99",
    ],
    '"d(x) :- nova:tags(x, y, z)"': ["rules[8]: nova:tags has 2 columns and gets 3 values"],
    '"e(x) :- nova:tags(x, y), not nova:tags(z, y)"': [
        "rules[9]: z in not nova:tags(z, y) gets no value: use it in a table without `not`, too"
    ],
    '"f(x) :- nova:servers(id=y)"': ["rules[10]: Variable x found in head but not in body"],
    '"g(x) :- h(x)"': [
        "rules[11]: recursion, which Congress does not support: Wrong:g -> Wrong:h -> Wrong:g"
    ],
    '"h(x) :- g(x)"': [],
    '"i(x) :- nova:servers(x), lt(x), builtin:foo(x)"': [
        "rules[13]: builtin lt takes 2 arguments and gets 1",
        "rules[13]: there is no builtin foo",
    ],
    '"execute[servers.pause(x)] :- nova:servers(x)"': [
        "rules[14]: execute[servers.pause(...)] names no datasource"
    ],
    '"execute[Right:p(x)] :- nova:servers(x)"': [
        "rules[15]: execute[Right:p(...)]: there is no datasource Right"
    ],
    '"execute[push:p(x)] :- nova:servers(x)"': [
        "rules[16]: execute[push:p(...)]: the driver of push executes no"
    ],
    '"j(x)"': ["rules[17]: Fact not ground: j(x): a rule without a body has values only"],
    '"k(1, 2)"': [],
    '"k(1)"': ["rules[19]: k has 1 columns here and 2 in another rule"],
    '"l(x) :- k(x, y, z), Right:p(x, y)"': [
        "rules[20]: k has 2 columns and gets 3 values",
        "rules[20]: Right:p has 1 columns and gets 2 values",
    ],
    '"m(x) :- Right:q(x)"': ["rules[21]: no rule defines Right:q"],
    '"k(1,  2)"': ["rules[22] is the same as rules[18]: remove it"],
    '"nova:servers(1)"': ["rules[23]: Fact nova:servers(1) should not reference any policy"],
    '"not n(x) :- nova:servers(x)"': ["rules[24]: the head not n(x) is negated"],
    '"o(x), p(x) :- nova:servers(x)"': ["rules[25]: Non-formula found"],
    '"lt(1, 2)"': ["rules[26]: Conflict with built-in tablename: lt: choose another name"],
    '"q(x) :- Right:p(a=x)"': ["rules[27]: Right:p: the columns of a policy's table have no names"],
    '"r(x) :- execute[nova:servers.pause(x)]"': ["rules[28]: Modals not allowed in the rule body"],
    # Congress leaves such characters out of rows, so this never finds one.
    "\"s(x) :- nova:servers(id=x, name='größe')\"": [
        "rules[29]: 'größe' is 'gre' in the rows of datasources"
    ],
    '"größe(1)"': ["rules[30] is no rule: outside of quotes there may be no 'ö': put text between quotes"],
}


@pytest.fixture(autouse=True)
def congress_is_installed() -> None:
    congress_python()


def problems(folder: Path) -> list[str]:
    return [
        f"{Path(one.file).relative_to(folder)}:{one.line}: {one.text}"
        for one in congress.problems(read(folder))
    ]


def test_each_problem_is_found_with_its_line_and_nothing_else(tmp_path: Path) -> None:
    write(
        tmp_path,
        datasources__nova=NOVA,
        datasources__push="name: push\ndriver: doctor\n",
        right=policy("Right", "p(1)"),
        wrong=policy("Wrong", *WRONG),
    )
    reported = problems(tmp_path)
    expected = [
        (f"wrong.yaml:{3 + number}", text) for number, texts in enumerate(WRONG.values()) for text in texts
    ]
    missed = [one for one in expected if not any(text.startswith(f"{one[0]}: {one[1]}") for text in reported)]
    assert missed == [], "\n".join(reported)
    assert len(reported) == len(expected), "\n".join(reported)


def test_rules_that_congress_takes_for_one_are_named(tmp_path: Path) -> None:
    """It would store the first alone, and the next `up` would take the other one for deleted by hand."""
    rules = ('"p(x) :- q(x), r(x)"', '"p(x) :- r(x), q(x)"', "q(1)", "r(1)")
    columns = ('"s(x, y) :- nova:tags(x, y)"', '"s(x, y) :- nova:tags(server_id=x, tag=y)"')
    write(tmp_path, datasources__nova=NOVA, p=policy("P", *rules, *columns))
    assert problems(tmp_path) == [
        "p.yaml:4: rules[1] is for Congress the same as rules[0]: remove it",
        "p.yaml:8: rules[5] is for Congress the same as rules[4]: remove it",
    ]


def test_a_text_that_is_not_ascii_stands_in_facts_and_between_policies(tmp_path: Path) -> None:
    write(
        tmp_path,
        datasources__nova=NOVA,
        p=policy(
            "P",
            "\"owner('Zoë', 'web')\"",
            "\"web(x) :- owner('Zoë', x)\"",
            '"s(x) :- nova:servers(name=x), web(x)"',
        ),
    )
    assert problems(tmp_path) == []


def test_datasources_and_cases(tmp_path: Path) -> None:
    write(
        tmp_path,
        datasources__a=NOVA.replace("driver: nova", "driver: nowa").replace("name: nova", "name: a", 1),
        datasources__b=NOVA.replace("{secret: congress-password}", "hunter2").replace(
            "name: nova", "name: b", 1
        ),
        datasources__c="name: c\ndriver: nova\nconfig:\n  auth_url: x\n  user_name: y\n",
        datasources__nova=NOVA,
        datasources__true="name: not\ndriver: nova\n" + NOVA.partition("nova\n")[2].partition("nova\n")[2],
        p=policy("P", "p(1)", '"execute[nova:servers.pause(x)] :- a:b(x), c:servers(x)"'),
        p_test=case(
            given="{nova:server: [], servers: [], nova:servers: [[1], {idd: 1}], P:p: [], c:tags: [[1, 2]]}",
            expect="{q: [], Q:p: [], p: [[1, 2], {x: 1}, [1]]}",
            execute="[pause, nova:servers.pause(x), \"nova:servers.pause('x')\", nova:pause(]",
        ),
    )
    reported = problems(tmp_path)
    expected = [
        "datasources/a.yaml:2: driver: Congress has no driver nowa: did you mean nova",
        "datasources/b.yaml:6: config.password is secret and stands here as text: write {secret: NAME}",
        "datasources/c.yaml:5: config.user_name: driver nova has no such key: did you mean username",
        "datasources/c.yaml:3: config.password is missing: driver nova needs it",
        "datasources/c.yaml:3: config.project_name is missing",
        "datasources/c.yaml:3: config.username is missing",
        "datasources/true.yaml:1: name: not is a word of the rules' language",
        "p.test.yaml:3: given: nova has no table server: did you mean servers",
        "p.test.yaml:3: given: servers is no table of a datasource",
        "p.test.yaml:3: given: nova:servers: a row has 1 values and the table 11 columns",
        "p.test.yaml:3: given: nova:servers: there is no column idd: did you mean id",
        "p.test.yaml:3: given: P:p is no table of a datasource",
        "p.test.yaml:4: expect: no rule of P defines q: known here are p",
        "p.test.yaml:4: expect: Q:p: there is no policy Q",
        "p.test.yaml:4: expect: p: a row has 2 values and the table 1",
        "p.test.yaml:4: expect: p: the columns of a policy's table have no names",
        "p.test.yaml:5: execute: 'pause' is no action",
        "p.test.yaml:5: execute: 'nova:servers.pause(x)' is no action",
        "p.test.yaml:5: execute: 'nova:pause(' is no rule at its end",
    ]
    missed = [one for one in expected if not any(text.startswith(one) for text in reported)]
    assert missed == [], "\n".join(reported)
    assert len(reported) == len(expected), "\n".join(reported)
    assert "hunter2" not in "".join(reported)


def test_a_file_that_cannot_be_read_is_not_reported_again_where_it_is_named(tmp_path: Path) -> None:
    write(
        tmp_path,
        datasources__nova=NOVA.replace("driver", "drifer"),
        a=policy("A", '"p(x) :- nova:servers(x), B:p(x)"', '"r(x) :- C:p(x)"'),
        a_test=case(given="{nova:servers: []}", expect="{B:p: []}"),
        b="name: B\nrules: no\n",
        c=policy("C", '"p(x) :-"'),
    )
    assert [text.partition(": ")[0] for text in problems(tmp_path)] == [
        *("b.yaml:2", "datasources/nova.yaml:1", "datasources/nova.yaml:2", "c.yaml:3")
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("datasources__nova", NOVA.replace("driver", "drifer")),
        ("datasources__nova", NOVA + "name: [\n"),
        ("datasources__other", NOVA + "name: [\n"),
        ("datasources__nova", "# nothing yet\n"),
        ("b", policy("B", "b(1)") + "kind: z3\n"),
        ("b", policy("B", "b(1)") + "  - x\n"),
    ],
)
def test_rules_are_not_wrong_because_a_file_that_they_need_cannot_be_read(
    tmp_path: Path, name: str, text: str
) -> None:
    write(tmp_path, datasources__nova=NOVA, b=policy("B", "b(1)"))
    if name == "datasources__other":
        (tmp_path / "datasources/nova.yaml").unlink()
    write(tmp_path, a=policy("A", '"p(x) :- nova:servers(id=x), not B:b(x)"'), **{name: text})
    assert {text.partition(":")[0] for text in problems(tmp_path)} == {f"{name.replace('__', '/')}.yaml"}


def chain(tables: int, others: int) -> str:
    """Each table needs the one before it, and `others` beside it."""
    rules = ["t0(1)", "one(1)"]
    more = "".join(f", one(x{number})" for number in range(others))
    return policy("P", *rules, *(f'"t{n}(x) :- t{n - 1}(x){more}"' for n in range(1, tables)))


@pytest.mark.parametrize(("tables", "others", "deep"), [(161, 0, False), (162, 0, True), (40, 16, True)])
def test_rules_that_are_too_deep_for_the_evaluator_are_refused(
    tmp_path: Path, tables: int, others: int, *, deep: bool
) -> None:
    write(tmp_path, p=chain(tables, others), p_test=case(expect=f"{{t{tables - 1}: [[1]]}}"))
    found = [text for text in problems(tmp_path) if "is too deep for Congress's evaluator" in text]
    assert (len(found), len(problems(tmp_path))) == (int(deep), int(deep))
    if not deep:
        [[outcome]] = congress.ask("test", read(tmp_path))["cases"]
        assert (outcome["error"], outcome["tables"][0]["same"]) == (None, 1)


def test_secrets_are_not_handed_over(tmp_path: Path) -> None:
    write(tmp_path, datasources__nova=NOVA.replace("{secret: congress-password}", "hunter2"))
    asked = json.dumps(congress.request(read(tmp_path)))
    assert "hunter2" not in asked
    assert '"password": false' in asked


def test_a_failure_of_congress_s_python_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, p=policy("P", "p(1)"))
    monkeypatch.setattr(congress, "request", lambda _: {})
    with pytest.raises(CongressError, match="Congress's Python failed: KeyError: 'unread'") as failed:
        congress.problems(read(tmp_path))
    assert "\n" not in str(failed.value)


def test_without_congress_the_way_to_install_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(congress, "PYTHON", tmp_path / "congress/bin/python")
    with pytest.raises(
        CongressError, match=f"is not installed on this machine, in {tmp_path}/congress: make "
    ):
        congress.problems(read(tmp_path))
