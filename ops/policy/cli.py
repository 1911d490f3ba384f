"""`congress-ha policy validate`. It needs neither a stack nor a cloud."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from policy_code import congress
from policy_code.congress import CongressError
from policy_code.documents import Problem
from policy_code.folder import Folder, read

app = typer.Typer(name="policy", no_args_is_help=True)
FolderName = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder with policies and datasources.")
]

UNUSABLE = 2


@app.callback()
def policies() -> None:
    """Check policies and datasources as code on this machine, without a cloud."""


def counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def stop(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(UNUSABLE)


def stop_at(problems: Sequence[Problem]) -> None:
    if problems:
        typer.echo("\n".join(map(str, sorted(problems))), err=True)
        stop(counted(len(problems), "problem", "problems"))


def asked(do: str, path: Path, **words: object) -> tuple[Folder, dict[str, object]]:
    """What Congress answers about a folder without problems."""
    folder = read(path)
    try:
        answer = congress.ask("check" if folder.problems else do, folder, **words)
    except CongressError as error:
        stop_at(folder.problems)
        stop(f"policy {do}: {error}")
    stop_at([*folder.problems, *congress.found(folder, answer)])
    return folder, answer


@app.command()
def validate(path: FolderName) -> None:
    """Show all problems of a folder, with file, line and the way out. Exit code 2 if there are any."""
    folder, _ = asked("check", path)
    declared, datasources = len(folder.policies), len(folder.datasources)
    rules = sum(len(policy.is_.rules) for policy in folder.policies)
    cases = sum(len(one.is_.cases) for one in folder.cases)
    typer.echo(
        f"{counted(declared, 'policy', 'policies')} with {counted(rules, 'rule', 'rules')}, "
        f"{counted(datasources, 'datasource', 'datasources')}, {counted(cases, 'case', 'cases')}: no problem"
    )
