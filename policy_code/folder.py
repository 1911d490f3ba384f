"""A folder with policies: which file declares what, all of it valid by itself, in the order in which it is applied.

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
from pydantic_core import ErrorDetails

from policy_code.documents import Document, Problem, Where
from policy_code.model import Case, Cases, Datasource, Policy, Rule

T = TypeVar("T", bound=BaseModel)

SUFFIXES = (".yaml", ".yml")
CASES = ".test"
# Congress makes these itself.
RESERVED = {"action", "builtin", "classification"}
SERVICE = re.compile(r"([A-Za-z]\w*):[A-Za-z_.]")


@dataclass(frozen=True)
class Source:
    """A file, as the user named it."""

    file: str
    document: Document

    def problem(self, where: Where, text: str) -> Problem:
        return Problem(self.file, self.document.line(where), text)


@dataclass(frozen=True)
class Declared(Generic[T]):
    source: Source
    is_: T

    @property
    def place(self) -> str:
        """What files of a policy and of its cases have in common."""
        stem = self.source.file
        for end in (*SUFFIXES, CASES):
            stem = stem.removesuffix(end)
        return stem


@dataclass
class Folder:
    """With `problems`, the rest is what could be read beside them; `unread` has the names of what could not.

    `executing`: names of the policies that execute actions, after Congress was asked.
    """

    datasources: list[Declared[Datasource]] = field(default_factory=list)
    policies: list[Declared[Policy]] = field(default_factory=list)
    cases: list[Declared[Cases]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    executing: list[str] = field(default_factory=list)

    def in_order(self) -> list[Datasource | Policy]:
        """As they are to be applied: a rule comes after everything that it names.

        Of policies that name each other the first by name comes first: Congress takes a rule that names a table which
        is not there yet.
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
    """Names of policies and datasources that it may name: more than it does only where a text looks like one."""
    return {*policy.depends_on, *(name for rule in policy.rules for name in SERVICE.findall(rule.rule))}


def read(path: Path) -> Folder:
    folder = Folder()
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "there is no such folder"
        folder.problems.append(Problem(str(path), 1, f"{what}: name the one that has the policies"))
        return folder
    for file in sorted(path.rglob("*")):
        # A link that leads nowhere is read, too: what it declared would be deleted without a word.
        if file.suffix in SUFFIXES and (file.is_file() or not file.exists()):
            add(folder, file, datasource=file.relative_to(path).parts[0] == "datasources")
    if not (folder.policies or folder.datasources or folder.problems):
        folder.problems.append(
            Problem(str(path), 1, "the folder declares nothing: add a policy, as docs/policies.md shows")
        )
    unique(folder)
    folder.problems.extend([*references(folder)])
    folder.problems.sort()
    return folder


def add(folder: Folder, file: Path, *, datasource: bool) -> None:
    try:
        source = Source(str(file), Document(file.read_bytes().decode()))
    except UnicodeDecodeError:
        folder.problems.append(Problem(str(file), 1, "is not text in UTF-8: save it so"))
        return
    except OSError as error:
        folder.problems.append(Problem(str(file), 1, f"cannot be read: {error.strerror}"))
        return
    if source.document.problems:
        folder.problems.extend(Problem(source.file, line, text) for line, text in source.document.problems)
    elif datasource:
        folder.datasources.extend(declared(folder, source, Datasource))
    elif file.stem.endswith(CASES):
        folder.cases.extend(declared(folder, source, Cases))
    else:
        folder.policies.extend(declared(folder, source, Policy))


def declared(folder: Folder, source: Source, model: type[T]) -> Iterator[Declared[T]]:
    if not isinstance(source.document.data, dict):
        keys = ", ".join(required(model))
        text = f"should be a {model.__name__.lower()} with the keys {keys}: docs/policies.md shows one"
        folder.problems.append(source.problem((), text))
        return
    try:
        yield Declared(source, model.model_validate(source.document.data))
    except ValidationError as error:
        folder.unread.append(str(source.document.data.get("name")))
        folder.problems.extend(
            source.problem(detail["loc"], sentence(detail, model))
            for detail in error.errors(include_url=False)
        )


def required(model: type[BaseModel]) -> list[str]:
    return [name for name, info in model.model_fields.items() if info.is_required()]


def sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """Without what was given: it may be a password."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(
        "."
    )
    reason = detail["msg"].removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    match detail["type"]:
        case "missing":
            reason = "is missing: add it"
        case "extra_forbidden":
            keys = ", ".join(
                info.alias or name for name, info in model_at(model, detail["loc"]).model_fields.items()
            )
            reason = f"no such key: known here are {keys}"
        case "string_type":
            reason = "should be text: put it between quotes"
        case "string_pattern_mismatch":
            reason = "should be a name: a letter, then letters, digits and _"
        case "literal_error":
            reason += ": Congress's other kinds cannot be declared here"
    return f"{where}: {reason}" if where else reason


def model_at(model: type[BaseModel], where: tuple[Any, ...]) -> type[BaseModel]:
    """The model whose key is the last of `where`."""
    parts: dict[Any, type[BaseModel]] = {"rules": Rule, "cases": Case}
    return parts.get(where[0], model) if len(where) > 1 else model


def unique(folder: Folder) -> None:
    """Leaves of each name the first. Names are the policies' and the datasources' together: a rule names both in the
    same way. The database does not tell upper from lower case.
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
