"""What MariaDB reads from its rendered file, and the SQL of a rendered step."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.programs import program, run


def mariadb(text: str, folder: Path) -> tuple[int, dict[str, str], str]:
    """MariaDB's variables with only this file: exit status, name -> value, errors."""
    file = folder / "90-congress.cnf"
    file.write_text(text)
    file.chmod(0o644)
    checked = run(
        program("mariadbd"),
        f"--defaults-file={file}",
        f"--datadir={folder}",
        "--user=root",
        "--verbose",
        "--help",
    )
    table = checked.stdout.partition("--------- ")[2]
    values = dict(line.split(None, 1) for line in table.splitlines()[1:] if len(line.split(None, 1)) == 2)
    return (
        checked.returncode,
        values,
        "\n".join(line for line in checked.stderr.splitlines() if "ERROR" in line),
    )


def sql_of(text: str) -> str:
    match = re.search(r"<<'END_SQL'\n(.*)\nEND_SQL\n", text, re.DOTALL)
    assert match
    return match[1]
