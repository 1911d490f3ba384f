"""All targets, files, tests, settings and links that README and the other pages name exist."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from pydantic import BaseModel, RootModel

from roles import ROLES
from settings import Settings, models_in
from tests.scripts.support.checkout import ROOT
from tests.unit.support import recording

RUNTIME = ROOT / "congress_runtime"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *RUNTIME.rglob("*.md"),
    ROOT / "tests/bench/README.md",
]
TARGETS = set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
FOLDERS = (
    "components|congress_runtime|docs|files|image|lab|ops|policies|policy_code|roles|scripts|settings|templates|tests"
    "|toolchain|.ci"
)
PATH = re.compile(rf"(?:^|(?<=[\s(]))((?:{FOLDERS})/[\w./-]*|[\w.]+\.(?:md|py|toml|txt|yaml))(?:::(\w+))?")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
# Files of Congress, of the user and of the state folder, which are named without one of our folders.
NOT_OURS = {"clouds.yaml", "Pulumi.mine.yaml", "Pulumi.NAME.yaml", "policies/prod"}


def code(text: str) -> list[str]:
    """The code in a page: text between backticks, and the lines of indented blocks."""
    blocks = re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE))
    return [*blocks, *spans]


def slug(heading: str) -> str:
    """The anchor of a heading, as Git forges generate it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def is_setting(key: str) -> bool:
    """Whether a key such as `policyEngines.count` is a setting."""
    models: list[type[BaseModel]] = [Settings]
    for part in key.removeprefix("congress-ha:").split("."):
        field = next((f for model in models for f in model.model_fields.values() if f.alias == part), None)
        if field is None:
            return False
        models = models_in(field.annotation)
        if any(issubclass(model, RootModel) for model in models):  # the user's own keys
            return True
    return True


def settings_named(text: str) -> set[str]:
    """Keys with a dot whose first part is a setting, and everything after congress-ha: ."""
    top = "|".join(str(field.alias) for field in Settings.model_fields.values())
    dotted = rf"(?:{top})(?:\.[A-Za-z]+)+"
    return {
        key
        for piece in code(text)
        if not PATH.fullmatch(piece)
        for key in re.findall(rf"congress-ha:[A-Za-z.]+|(?<![\w.:/-]){dotted}(?![\w/])", piece)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
class TestPage:
    def test_names_targets_that_exist(self, page: Path) -> None:
        calls = re.findall(r"\bmake((?: [a-z][a-z-]*)+)", "\n".join(code(page.read_text())))
        assert set(chain(*(call.split() for call in calls))) - TARGETS == set()

    def test_names_files_and_tests_that_exist(self, page: Path) -> None:
        missing = []
        for path, test in (
            match.groups() for piece in code(page.read_text()) for match in PATH.finditer(piece)
        ):
            if path in NOT_OURS:
                continue
            file = ROOT / path
            if not file.exists() or (test and f"def {test}(" not in file.read_text()):
                missing.append(f"{path}::{test}" if test else path)
        assert missing == []

    def test_names_settings_that_exist(self, page: Path) -> None:
        assert {key for key in settings_named(page.read_text()) if not is_setting(key)} == set()

    def test_links_lead_somewhere(self, page: Path) -> None:
        dead = []
        for path, anchor in LINK.findall(page.read_text()):
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                dead.append(path)
            elif anchor:
                headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
                dead += [f"{path}#{anchor}"] if anchor not in map(slug, headings) else []
        assert dead == []


@pytest.mark.parametrize("name", ["README.md", "docs/install.md"])
def test_outputs_are_those_of_the_program(name: str) -> None:
    table = re.search(r"^\| output \|.*\n\|[-|]+\n((?:\|.*\n)+)", (ROOT / name).read_text(), re.MULTILINE)
    assert table is not None
    listed = {output for row in table[1].splitlines() for output in re.findall(r"`(\w+)`", row.split("|")[1])}
    two = recording.settings_with(loadBalancer={"hosts": 2})
    assert listed == set(recording.run(two).outputs)


def test_the_roles_are_those_of_the_table() -> None:
    sentence = re.search(r"^The roles are ([^.]*)\.", (ROOT / "docs/install.md").read_text(), re.MULTILINE)
    assert sentence is not None
    assert set(re.findall(r"`([\w-]+)`", sentence[1])) == {role.name for role in ROLES}, "docs/install.md"


def test_what_is_not_there_is_found() -> None:
    assert not is_setting("policyEngines.number")
    assert is_setting("congress-ha:guest.pipIndexUrl")
    assert settings_named("`policyEngines.number`, `congress-ha:nothing` and access.word") == {
        "policyEngines.number",
        "congress-ha:nothing",
    }
    assert code("`a b`\n\n    make nothing\n") == ["make nothing", "a b"]
    assert [match.groups() for match in PATH.finditer("tests/no/file.py::test_x nothing.py")] == [
        ("tests/no/file.py", "test_x"),
        ("nothing.py", None),
    ]


def test_every_decision_is_listed_once_by_its_number() -> None:
    files = sorted(file.name for file in (ROOT / "docs/decisions").iterdir())
    listed = re.findall(
        r"^\| \[(\d+)\]\(decisions/([^)]*)\)", (ROOT / "docs/design.md").read_text(), re.MULTILINE
    )
    assert [name for _, name in listed] == files
    assert [int(number) for number, _ in listed] == list(range(1, len(files) + 1))
    assert all(int(name[:4]) == number for number, name in enumerate(files, 1))


def test_the_version_is_in_one_place() -> None:
    """The version of the newest release in the changelog must match."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = re.findall(r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[:1] in ([], [version])


def test_each_measurement_is_in_the_list() -> None:
    folder = ROOT / "tests/bench"
    named = set(re.findall(r"\b\w+\.py", (folder / "README.md").read_text()))
    assert named == {file.name for file in folder.glob("*.py")}
