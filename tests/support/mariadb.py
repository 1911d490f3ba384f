"""A real MariaDB in a folder of the test; root logs in by the name of the system's user."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs import program, run, running
from tests.support.waiting import wait_for


def of_folder(folder: Path) -> tuple[str, ...]:
    """Options of a server with its own temporary folder, because a starting server deletes temporary tables there."""
    return ("--user=root", f"--datadir={folder}/data", f"--tmpdir={folder}")


def install(folder: Path) -> None:
    options = ("--no-defaults", *of_folder(folder), "--skip-test-db")
    made = run(program("mariadb-install-db"), *options, deadline=100)
    assert made.returncode == 0, made.stderr


def client(folder: Path, *options: str) -> list[str]:
    return [str(program("mariadb")), "--no-defaults", f"--socket={folder}/socket", *options]


@contextmanager
def started(folder: Path, *options: str) -> Iterator[None]:
    """`options` of mariadbd: the first may name its configuration."""
    own = (*of_folder(folder), f"--socket={folder}/socket")
    with running([program("mariadbd"), *options, *own], folder / "mariadbd.log"):
        wait_for("MariaDB answers", 60, lambda: run(*client(folder), "-e", "SELECT 1").returncode == 0)
        yield


@contextmanager
def session(folder: Path) -> Iterator[Callable[[str], str]]:
    """A client for the duration of the context: its function sends a statement and returns the single row."""
    argv = client(folder, "--skip-column-names", "--batch", "--unbuffered")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as opened:
        assert opened.stdin is not None
        assert opened.stdout is not None
        statements, results = opened.stdin, opened.stdout

        def ask(sql: str) -> str:
            statements.write(f"{sql};\n")
            statements.flush()
            return results.readline()

        try:
            yield ask
        finally:
            statements.close()
