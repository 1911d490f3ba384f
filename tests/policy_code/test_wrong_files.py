"""Files with typical mistakes of users: each mistake is one line, with file, line and the way out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from policy_code.folder import read
from tests.policy_code.folders import NOVA, policy, write
from tests.policy_code.support.problems import texts

# A few lines that make 10**9 values.
LAUGHS = ["a0: &a0 [1]\n", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))]


@pytest.mark.parametrize(
    ("name", "text", "line", "word"),
    [
        ("p.yaml", "", 1, "declares nothing: a policy should be here, with the keys name and rules"),
        (
            "datasources/p.yaml",
            "# later\n",
            1,
            "declares nothing: a datasource should be here, with the keys",
        ),
        ("p.test.yaml", "- one\n", 1, "declares nothing: cases should be here, with the key cases; docs"),
        ("p.yaml", NOVA, 1, "is a datasource: move it into datasources/"),
        ("more/datasources/p.yaml", NOVA, 1, "is a datasource: move it into datasources/"),
        ("datasources/p.yaml", policy("P", "p(1)"), 1, "is a policy: move it out of datasources/"),
        ("p.yaml", "cases: []\n", 1, "has cases: give it the name of its policy's file"),
        ("p.YAML", "name: P\nname: Q\n", 2, "the key name is here twice"),
        ("p.yaml", "name: P\nrules: {}\n", 2, "rules: should be a list, whose items begin with a dash"),
        ("p.yaml", "name: P\nrules: [p(1)]\n", 2, "rules[0]: should have keys with values, each in a line"),
        ("p.yaml", "name: P\nrules:\n- rule: ''\n", 3, "rules[0].rule: is empty"),
        ("p.yaml", "name: a/b\nrules: []\n", 1, "name: should be a name: a letter, then letters"),
        ("p.yaml", 'name: "a\'b"\nrules: []\n', 1, "name: should be a name: a letter, then letters"),
        ("p.yaml", "name: yes\nrules: []\n", 1, "name: should be text: put it between quotes"),
        ("p.yaml", 'name: P\nrules:\n- rule: "\\ud800"\n', 3, "rules[0].rule: has a character that is none"),
        ("p.yaml", "name: P\nprotect: 1\nrules: []\n", 2, "protect: should be true or false"),
        (
            "p.yaml",
            'name: P\nrules: []\n"a\\nb\\e[1m": 1\n',
            3,
            r"a\nb\x1b[1m: no such key: known here are name",
        ),
        (
            "datasources/p.yaml",
            NOVA.replace("congress-p", "congress p"),
            6,
            "config.password.secret: should be",
        ),
        ("datasources/p.yaml", "name: p\ndriver: nova\nconfig:\n", 3, "config: should have keys with values"),
        # MariaDB would refuse these in the middle of an `up`.
        ("p.yaml", policy("P", f"p('{'x' * 65_000}')"), 3, "rules[0].rule: has more than 65,000 bytes"),
        (
            "p.yaml",
            "name: P\ndescription: 😀\nrules: []\n",
            2,
            "description: has a character that Congress's",
        ),
        ("p.yaml", "name: P\nrules:\n- {rule: p(1), comment: 😀}\n", 3, "rules[0].comment: has a character"),
        # Without a limit, each of these would take all of a machine's memory or time.
        ("p.yaml", f"name: P  # {'x' * 4_000_000}\n", 1, "has 4.0 MB, and a file may have 4: split it"),
        ("p.yaml", "".join(LAUGHS), 1, "its aliases make more than 1,000,000 values"),
    ],
)
def test_one_wrong_thing_is_one_line_with_the_way_out(
    tmp_path: Path, name: str, text: str, line: int, word: str
) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    [problem] = read(tmp_path).problems
    assert str(problem).startswith(f"{file}:{line}: {word}"), problem
    assert "\n" not in str(problem)


def test_a_character_that_is_no_utf8_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"name: P\nrules:\n- rule: p('\xff')\n")
    [problem] = read(tmp_path).problems
    assert str(problem) == f"{tmp_path}/p.yaml:3: is not text in UTF-8: save it so"


def test_a_name_of_a_file_that_is_no_text_is_shown_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a\udcff\nb.yaml").write_text("")
    [problem] = read(tmp_path).problems
    assert str(problem).startswith(rf"{tmp_path}/a\udcff\nb.yaml:1: declares nothing")


def test_a_link_to_a_folder_is_not_passed_over(tmp_path: Path) -> None:
    """What its files declared would be deleted otherwise."""
    write(tmp_path / "ours", p=policy("P", "p(1)"))
    write(tmp_path / "shared", q=policy("Q", "q(1)"))
    (tmp_path / "ours/shared").symlink_to("../shared")
    (tmp_path / "ours/itself").symlink_to(".")
    assert texts(tmp_path / "ours") == [
        f"{name}:1: is a link to a folder, which is not followed: link its files instead, or copy them"
        for name in ("itself", "shared")
    ]


def test_a_folder_that_cannot_be_read_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For root each folder can be read."""
    write(tmp_path, p=policy("P", "p(1)"), closed__q=policy("Q", "q(1)"))
    scan = os.scandir

    def refusing(path: str) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert texts(tmp_path) == [
        "closed:1: cannot be read: Permission denied: let your user read it, or remove it"
    ]
