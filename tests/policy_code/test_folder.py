"""What a folder declares, in order, and all that is wrong with its files by themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy_code.folder import read, uses
from policy_code.model import Case, Cases, Datasource, Policy, Secret
from tests.policy_code.folders import NOVA, case, policy, write
from tests.policy_code.support.any_text import DATA, PIECES
from tests.policy_code.support.problems import texts

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)
TEXT = st.text(max_size=20)
# What Congress's database holds.
STORABLE = st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])
CELLS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
ROWS = st.lists(st.lists(CELLS, max_size=3) | st.dictionaries(TEXT, CELLS, max_size=3), max_size=3)
TABLES = st.dictionaries(TEXT, ROWS, max_size=2)
POLICIES = st.builds(
    lambda **words: {key: value for key, value in words.items() if value is not None},
    name=NAMES,
    description=st.text(STORABLE, max_size=20),
    kind=st.none() | st.sampled_from(["nonrecursive", "action"]),
    abbreviation=st.none() | st.text(STORABLE, min_size=1, max_size=5),
    rules=st.lists(
        st.fixed_dictionaries(
            {"rule": st.text(STORABLE, min_size=1)}, optional={"comment": st.text(STORABLE, max_size=20)}
        ),
        max_size=3,
    ),
)


def test_datasources_come_first_and_then_what_others_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        datasources__z=NOVA,
        a=policy("A", '"error(x) :- B:bad(x)"'),
        b=policy("B", '"bad(x) :- C:bad(x), nova:servers(x)"'),
        deep__c=policy("C", "bad(1)"),
        d="name: D\ndepends-on: [Z]\nrules: []\n",
        z=policy("Z", '"p(x) :- Y:p(x)"'),
        y=policy("Y", '"q(x) :- Z:q(x)"'),
    )
    folder = read(tmp_path)
    assert folder.problems == []
    # Y and Z name each other: one of them has to be first.
    assert [one.name for one in folder.in_order()] == ["nova", "C", "B", "A", "Y", "Z", "D"]
    config = folder.datasources[0].is_.config
    assert config["password"] == Secret(secret="congress-password")


def test_every_problem_of_every_file_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        datasources__nova=NOVA.replace("{secret: congress-password}", "[hunter2]").replace(
            "name: nova", "nam: x"
        ),
        a="name: A\nkind: z3\nrules:\n- rul: p(1)\n- rule: 5\n",
        b="name: 7up\nabbreviation: toolong\nrules: {}\n",
        c=policy("action", "p(1)"),
        d=policy("Same", "p(1)"),
        e=policy("same", "p(1)"),
        f="- a list\n",
        g="name: G\ndepends-on: [Nobody]\nrules:\n- {rule: p(1), name: x}\n- {rule: p(2), name: x}\n",
        h_test=case(execute="[]"),
        d_test="cases:\n- name: one\n- {name: two, given: {t: [5, [.nan], [2024-01-01]]}, execute: []}\n",
        i_test="cases: []\nrules: []\n",
    )
    (tmp_path / "j.yml").write_bytes(b"name: \xff\n")
    reported = texts(tmp_path)
    assert reported == sorted(reported, key=lambda text: (text.split(":")[0], int(text.split(":")[1])))
    expected = [
        ("a.yaml:2", "kind: should be 'nonrecursive' or 'action'"),
        ("a.yaml:4", "rules[0].rule: is missing"),
        ("a.yaml:4", "rules[0].rul: no such key: known here are rule, name, comment"),
        ("a.yaml:5", "rules[1].rule: should be text: put it between quotes"),
        ("b.yaml:1", "name: should be a name"),
        ("b.yaml:2", "abbreviation: should have at most 5 characters"),
        ("b.yaml:3", "rules: should be a list, whose items begin with a dash"),
        ("c.yaml:1", "name: action is Congress's own"),
        ("d.test.yaml:2", "cases[0]: expects nothing"),
        ("d.test.yaml:3", "cases[1].given.t[0]: should be a row"),
        ("d.test.yaml:3", "cases[1].given.t[1]: should be a finite number"),
        ("d.test.yaml:3", "cases[1].given.t[2]: should be text, a number, true, false or null: put a date"),
        ("datasources/nova.yaml:1", "name: is missing"),
        (
            "datasources/nova.yaml:1",
            "nam: no such key: known here are name, driver, description, protect, config",
        ),
        (
            "datasources/nova.yaml:6",
            "config.password: should be text, a whole number, true, false or {secret: NAME}",
        ),
        ("e.yaml:1", f"name: same is declared in {tmp_path}/d.yaml as well"),
        ("f.yaml:1", "declares nothing: a policy should be here, with the keys name and rules"),
        ("g.yaml:2", "depends-on: there is no datasource or policy Nobody"),
        ("g.yaml:5", "rules[1].name: rules[0] is called x as well"),
        ("h.test.yaml:1", f"there is no {tmp_path}/h.yaml whose policy these cases are about"),
        ("i.test.yaml:2", "rules: no such key: known here are cases"),
        ("j.yml:1", "is not text in UTF-8"),
    ]
    missed = [one for one in expected if not any(text.startswith(f"{one[0]}: {one[1]}") for text in reported)]
    assert missed == []
    assert len(reported) == len(expected), "\n".join(reported)
    assert "hunter2" not in "".join(reported)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("none", "there is no such folder"),
        ("empty", "the folder declares nothing"),
        ("circle", "cannot be read: Too many levels of symbolic links"),
        ("x" * 300, "cannot be read: File name too long"),
        ("p.yaml/q", "cannot be read: Not a directory"),
    ],
)
def test_a_folder_without_anything(tmp_path: Path, name: str, word: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "p.yaml").touch()
    (tmp_path / "circle").symlink_to("circle")
    [problem] = read(tmp_path / name).problems
    assert (problem.file, word in problem.text) == (str(tmp_path / name), True), problem


@settings(deadline=None)
@given(POLICIES)
def test_a_policy_comes_back_as_it_was_written(data: dict[str, Any]) -> None:
    model = Policy.model_validate(data)
    assert (
        Policy.model_validate(yaml.safe_load(yaml.safe_dump(model.model_dump(mode="json", by_alias=True))))
        == model
    )


@settings(deadline=None)
@given(TABLES, TABLES, st.lists(st.text(min_size=1), max_size=2))
def test_a_case_comes_back_as_it_was_written(given_: Any, expect: Any, execute: list[str]) -> None:
    model = Case.model_validate({"name": "x", "given": given_, "expect": expect, "execute": execute})
    assert Case.model_validate(yaml.safe_load(yaml.safe_dump(model.model_dump(mode="json")))) == model


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a.yaml", "a.test.yaml", "datasources/a.yaml"]), DATA | PIECES | POLICIES
    )
)
def test_no_folder_is_too_strange(tmp_path: Path, files: dict[str, Any]) -> None:
    for name in ("a.yaml", "a.test.yaml", "datasources/a.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).unlink(missing_ok=True)
    for name, data in files.items():
        (tmp_path / name).write_text(
            data if isinstance(data, str) else yaml.safe_dump(data), errors="replace"
        )
    folder = read(tmp_path)
    read_in = len(folder.policies) + len(folder.cases) + len(folder.datasources)
    assert folder.problems or read_in == len(files) > 0
    assert len(folder.in_order()) <= len(files)


@pytest.mark.parametrize("model", [Policy, Datasource, Cases])
def test_errors_have_no_input(model: Any) -> None:
    assert model.model_config["hide_input_in_errors"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("name: P")
    [problem] = read(file).problems
    assert problem.text == "is a file, not a folder: name the one that has the policies"


def test_a_link_that_leads_nowhere_is_a_problem(tmp_path: Path) -> None:
    """What the file declared would be deleted otherwise."""
    write(tmp_path, p=policy("P", "p(1)"))
    (tmp_path / "q.yaml").symlink_to("nowhere")
    [problem] = read(tmp_path).problems
    assert (
        str(problem)
        == f"{tmp_path}/q.yaml:1: cannot be read: No such file or directory: mend it, or remove it"
    )


@pytest.mark.timeout(20)
def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, p=policy("P", "p(1)"))
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    assert read(tmp_path).problems == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("poll_time: sixty", "config.poll_time should be a whole number of seconds"),
        ("poll_time: true", "config.poll_time should be a whole number of seconds"),
        ("lazy_tables: servers", "config.lazy_tables is a list, which is not supported here"),
    ],
)
def test_a_value_that_congress_could_not_use_is_refused_here(tmp_path: Path, line: str, problem: str) -> None:
    """Congress finds it only after it has deleted the former datasource."""
    write(tmp_path, datasources__nova=f"{NOVA}  {line}\n", p=policy("P", "p(1)"))
    (found,) = texts(tmp_path)
    assert problem in found


def test_a_policy_is_used_also_with_blanks_around_its_colon(tmp_path: Path) -> None:
    write(tmp_path, p=policy("P", '"p(x) :- Other : q(x), Last: r(x)"'), other=policy("Other", "q(1)"))
    (used,) = (uses(one.is_) for one in read(tmp_path).policies if one.is_.name == "P")
    assert used == {"Other", "Last"}
