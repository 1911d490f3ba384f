"""A folder with policies: what each file declares, valid by itself, in the order in which it is applied.

datasources/NAME.yaml    a datasource
NAME.yaml                a policy, also in folders of any other name
NAME.test.yaml           the cases of the policy in NAME.yaml beside it
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from policy_code.documents import Document, Problem, Where
from policy_code.files import SUFFIXES, UnreadableError, find, text_of
from policy_code.model import Cases, Datasource, Policy
from policy_code.plan import RESERVED
from policy_code.sentences import misplaced, no_mapping, sentence

T = TypeVar("T", bound=BaseModel)

CASES = ".test"
# With this file in it, a folder may declare nothing. It is also what keeps an empty folder in git.
ON_PURPOSE = ".gitkeep"
# The kind of declaration that a file with invalid YAML most likely has.
NAMES = re.compile(r"^name:\s*['\"]?(\w+)", re.MULTILINE)
SERVICE = re.compile(r"([A-Za-z]\w*)\s*:\s*[A-Za-z_.]")


@dataclass(frozen=True)
class Source:
    """A file, as the user named it."""

    file: str
    document: Document

    @property
    def stem(self) -> str:
        return Path(self.file).stem

    def problem(self, where: Where, text: str) -> Problem:
        return Problem(self.file, self.document.line(where), text)


@dataclass(frozen=True)
class Declared(Generic[T]):
    source: Source
    is_: T

    @property
    def place(self) -> str:
        """The part of the path that the files of a policy and of its cases have in common."""
        stem = self.source.file
        for end in (*SUFFIXES, CASES):
            stem = stem.removesuffix(end)
        return stem


@dataclass
class Folder:
    """If there are `problems`, the rest is what could still be read. `unread`: names of what could not be read.

    `executing`: names of the policies that execute actions, after Congress was asked.
    """

    datasources: list[Declared[Datasource]] = field(default_factory=list)
    policies: list[Declared[Policy]] = field(default_factory=list)
    cases: list[Declared[Cases]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    executing: list[str] = field(default_factory=list)

    def in_order(self) -> list[Datasource | Policy]:
        """The policies in the order in which they are applied: a rule comes after everything that it names.

        If policies name each other, the order is that of their names. This works because Congress accepts a rule that
        names a table which does not exist yet.
        """
        policies = {policy.is_.name: policy.is_ for policy in self.policies}
        ordered: dict[str, Policy] = {}

        def add(name: str, *above: str) -> None:
            for other in sorted(uses(policies[name]) & policies.keys() - ordered.keys() - {name, *above}):
                add(other, name, *above)
            ordered.setdefault(name, policies[name])

        for name in sorted(policies):
            add(name)
        datasources = sorted((datasource.is_ for datasource in self.datasources), key=lambda one: one.name)
        return [*datasources, *ordered.values()]

    def policy_of(self, cases: Declared[Cases]) -> Policy | None:
        return next((policy.is_ for policy in self.policies if policy.place == cases.place), None)


def uses(policy: Policy) -> set[str]:
    """Names of policies and datasources that it may refer to. There are too many only if a text looks like a name."""
    return {*policy.depends_on, *(name for rule in policy.rules for name in SERVICE.findall(rule.rule))}


def read(path: Path) -> Folder:
    folder = Folder()
    files, folder.problems = find(path)
    for file in files:
        add(folder, file, datasource=file.relative_to(path).parts[0] == "datasources")
    empty = not (folder.policies or folder.datasources or folder.problems)
    if empty and not (path / ON_PURPOSE).exists():
        text = (
            "the folder declares nothing: add a policy, as docs/policies.md shows; or, to delete what the stack has, "
            f"an empty file {ON_PURPOSE}"
        )
        folder.problems.append(Problem(str(path), 1, text))
    unique(folder)
    folder.problems.extend([*references(folder)])
    folder.problems.sort()
    return folder


def add(folder: Folder, file: Path, *, datasource: bool) -> None:
    try:
        text = text_of(file)
    except UnreadableError as error:
        folder.problems.append(Problem(str(file), error.line, str(error)))
        # The file of a datasource usually has the datasource's name. Rules that refer to it are then not reported, too.
        folder.unread.append(file.stem)
        return
    source = Source(str(file), Document(text))
    if source.document.problems:
        folder.problems.extend(Problem(source.file, line, wrong) for line, wrong in source.document.problems)
        folder.unread.extend(NAMES.findall(text))
    elif datasource:
        folder.datasources.extend(declared(folder, source, Datasource))
    elif file.stem.endswith(CASES):
        folder.cases.extend(declared(folder, source, Cases))
    else:
        folder.policies.extend(declared(folder, source, Policy))


def declared(folder: Folder, source: Source, model: type[T]) -> Iterator[Declared[T]]:
    data = source.document.data
    wrong = misplaced(data, model) if isinstance(data, dict) else no_mapping(model)
    if wrong:
        folder.unread.append(str(data["name"]) if isinstance(data, dict) and "name" in data else source.stem)
        folder.problems.append(source.problem((), wrong))
        return
    try:
        yield Declared(source, model.model_validate(data))
    except ValidationError as error:
        folder.unread.append(str(data.get("name")))
        folder.problems.extend(
            source.problem(detail["loc"], sentence(detail, model))
            for detail in error.errors(include_url=False)
        )


def unique(folder: Folder) -> None:
    """Keeps only the first of each name. Policies and datasources must not share a name, because a rule refers to both
    in the same way. The database does not distinguish upper and lower case.
    """
    taken: dict[str, str] = {}

    def keeps(one: Declared[Any]) -> bool:
        name, file = one.is_.name, one.source.file
        if name.lower() in RESERVED:
            text = f"name: {name} is Congress's own: choose another name"
        elif name.lower() in taken:
            text = f"name: {name} is declared in {taken[name.lower()]} as well: rename one of them"
        else:
            taken[name.lower()] = file
            return True
        folder.problems.append(one.source.problem(("name",), text))
        return False

    folder.datasources = [one for one in folder.datasources if keeps(one)]
    folder.policies = [one for one in folder.policies if keeps(one)]


def references(folder: Folder) -> Iterator[Problem]:
    declared = {one.is_.name for one in folder.policies} | {one.is_.name for one in folder.datasources}
    declared.update(folder.unread)
    for policy in folder.policies:
        yield from of_policy(policy, declared)
    for cases in folder.cases:
        yield from of_cases(folder, cases)


def of_policy(policy: Declared[Policy], declared: Collection[str]) -> Iterator[Problem]:
    for position, name in enumerate(policy.is_.depends_on):
        if name not in declared:
            text = f"depends-on: there is no datasource or policy {name}: declare it, or remove the line"
            yield policy.source.problem(("depends-on", position), text)
    seen: dict[str, int] = {}
    for position, rule in enumerate(policy.is_.rules):
        if rule.name and seen.setdefault(rule.name, position) != position:
            text = f"rules[{position}].name: rules[{seen[rule.name]}] is called {rule.name} as well: rename one of them"
            yield policy.source.problem(("rules", position, "name"), text)


def of_cases(folder: Folder, cases: Declared[Cases]) -> Iterator[Problem]:
    faulty = {problem.file for problem in folder.problems}
    beside = [f"{cases.place}{suffix}" for suffix in SUFFIXES]
    if folder.policy_of(cases) is None and not faulty & {*beside}:
        yield cases.source.problem(
            (), f"there is no {beside[0]} whose policy these cases are about: rename this file"
        )
    seen: set[str] = set()
    for position, case in enumerate(cases.is_.cases):
        if case.name in seen:
            text = f"cases[{position}].name: another case is called {case.name!r} as well: rename one of them"
            yield cases.source.problem(("cases", position, "name"), text)
        seen.add(case.name)
