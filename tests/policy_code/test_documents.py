"""Values know their lines; whatever the text is, the answer is data or a list of problems."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_code.documents import Document
from tests.policy_code.support.any_text import DATA, PIECES


def test_each_value_knows_its_line() -> None:
    document = Document(
        "name: a\nrules:\n  - rule: >\n      p(x) :-\n        q(x)\n  - {rule: r(1),\n     name: n}\n"
    )
    assert document.problems == []
    assert document.data["rules"][0]["rule"] == "p(x) :-\n  q(x)\n"
    wheres: list[tuple[tuple[str | int, ...], int]] = [
        (("name",), 1),
        (("rules", 0, "rule"), 3),
        (("rules", 1), 6),
        (("rules", 1, "name"), 7),
        (("rules", 1, "comment"), 6),
        (("kind",), 1),
    ]
    assert [document.line(where) for where, _ in wheres] == [line for _, line in wheres]


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\n\nb: 2\na: 3\n", 4, "the key a is here twice"),
        ("1: x\n", 1, "put it between quotes"),
        ("a: [1\n", 2, "no valid YAML"),
        ("a: 1\n---\nb: 2\n", 2, "several documents"),
        ("a: 1\nb: !x 2\n", 2, "the tag !x is not supported"),
        ("a: &x\n  - *x\n", 1, "the value that it is a part of"),
        ("a: 1\nb: 0b_\n", 2, "looks like a number"),
        ("a: 1\nb: \x07\n", 2, "a character that YAML does not allow"),
        ("[" * 5000, 1, "nested too deep"),
        ("a: !!set {b, c}\n", 1, "tag:yaml.org,2002:set is not supported"),
        ("a: 1\nb: *x\n", 2, "undefined alias"),
    ],
)
def test_what_is_wrong_has_its_line(text: str, line: int, word: str) -> None:
    [(number, reason)] = Document(text).problems
    assert (number, word in reason) == (line, True), reason


def test_all_problems_at_once() -> None:
    assert len(Document("a: !x 1\na: 2\n3: 4\nb: 0b_\n").problems) == 4


@settings(deadline=None)
@given(DATA)
def test_data_comes_back_as_it_was_written(data: Any) -> None:
    document = Document(yaml.safe_dump(data))
    assert document.problems == []
    assert document.data == data


@settings(deadline=None)
@given(st.text() | PIECES)
def test_no_text_is_too_strange(text: str) -> None:
    document = Document(text)
    assert all(line >= 1 and reason for line, reason in document.problems)
    if not document.problems:
        # Dates and bytes are left to the models.
        json.dumps(document.data, default=str)
