"""`congress-ha policy`: validate, test and explain need neither stack nor cloud; the other commands do."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from ops.policy import explanation, junit, ownership, report, simulation
from ops.policy.report import counted
from ops.policy.results import Results
from policy_code import congress
from policy_code.congress import CongressError
from policy_code.documents import Problem, printable
from policy_code.folder import Folder, read

app = typer.Typer(name="policy", no_args_is_help=True)
FolderName = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder with policies and datasources.")
]

FAILED, UNUSABLE = 1, 2


@app.callback()
def policies() -> None:
    """Check policies and datasources as code on this machine; docs/policies.md is the manual.

    simulate, drift, adopt and overwrite work on a deployed stack, the other commands need none.
    """


app.command()(ownership.drift)
app.command()(ownership.adopt)
app.command()(ownership.overwrite)


def stop(text: str) -> NoReturn:
    typer.echo(text, err=True)
    raise typer.Exit(UNUSABLE)


def stop_at(problems: Sequence[Problem]) -> None:
    if problems:
        typer.echo("\n".join(map(str, sorted(problems))), err=True)
        stop(counted(len(problems), "problem", "problems"))


def asked(do: str, path: Path, **words: object) -> tuple[Folder, dict[str, Any]]:
    """Congress's answer about a folder that has no problems."""
    folder = read(path)
    try:
        answer = congress.ask("check" if folder.problems else do, folder, **words)
    except CongressError as error:
        stop_at(folder.problems)
        stop(f"policy {do}: {error}")
    stop_at([*folder.problems, *congress.reported_problems(folder, answer)])
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


@app.command()
def test(
    path: FolderName,
    junit_file: Annotated[
        Path | None, typer.Option("--junit", help="Also write the results there, for CI.")
    ] = None,
    *,
    rules: Annotated[
        bool, typer.Option("--rules", help="Show of each rule what it found and its time.")
    ] = False,
) -> None:
    """Evaluate all cases of a folder with Congress's engine. Exit code 1 if one fails, 2 if the folder has problems."""
    folder, answer = asked("test", path)
    results = Results.of(folder, answer)
    if junit_file:
        try:
            junit_file.write_bytes(junit.text(results))
        except OSError as error:
            stop(
                f"policy test: {junit_file} cannot be written: {error.strerror}: name another file after --junit"
            )
    for line in report.lines(results, rules=rules):
        typer.echo(line)
    if results.failed:
        raise typer.Exit(FAILED)


@app.command()
def simulate(path: FolderName) -> None:
    """Show which violations an `up` would make appear or vanish, and which actions it would execute, with the rows that
    the stack's datasources have now. Exit code 1 if that cannot be known, 2 if the folder has problems.
    """
    folder, answer = asked("check", path)
    try:
        for line in simulation.simulate(path, folder, answer["executing"]):
            typer.echo(line)
    except (simulation.SimulationError, CongressError) as error:
        typer.echo(f"policy simulate: {error}", err=True)
        raise typer.Exit(FAILED) from None


@app.command()
def explain(
    path: FolderName,
    case: Annotated[
        str, typer.Argument(metavar="CASE", help="The name of a case, or a part of it that no other has.")
    ],
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="A table of the case's policy, OTHER:TABLE, or execute for its actions."
        ),
    ],
) -> None:
    """Show why each row of a table is there in a case, or why there is none."""
    folder = read(path)
    stop_at(folder.problems)
    position, number = the_case(folder, case)
    folder, answer = asked("explain", path, file=position, case=number, table=table)
    for line in explanation.lines(folder, table, answer) or no_table(table, answer):
        typer.echo(line)


def the_case(folder: Folder, name: str) -> tuple[int, int]:
    """The position of the file, and the position of the case in it."""
    every = {(i, j): case.name for i, one in enumerate(folder.cases) for j, case in enumerate(one.is_.cases)}
    matches = [at for at, title in every.items() if title == name]
    matches = matches or [at for at, title in every.items() if name.lower() in title.lower()]
    if len(matches) == 1:
        return matches[0]
    if not every:
        stop(
            "policy explain: the folder has no cases: write one into POLICY.test.yaml, as docs/policies.md shows"
        )
    names = (
        [every[at] for at in matches]
        or get_close_matches(name, every.values(), cutoff=0.3)
        or [*every.values()]
    )
    count = "several cases match" if matches else "no case matches"
    stop(
        "\n".join(
            [f"policy explain: {count} {name!r}: name one of", *(f"  {printable(one)}" for one in names)]
        )
    )


def no_table(table: str, answer: dict[str, object]) -> NoReturn:
    tables = ", ".join(map(str, answer["defined"])) if isinstance(answer["defined"], list) else ""
    stop(f"policy explain: no rule defines {table}: name one of {tables or 'a policy that is there'}")
