"""Sent to a host: what differs from what its steps recorded, as templates/step/lib.sh writes it.

usage: drift.py FOLDER STEP...: FOLDER is /var/lib/congress-ha. Prints one JSON object: the numbers of `files`,
`services` and `packages` that were looked at, and `findings`, a list of {what, steps}: what differs, without the
content, and the steps that put it right. A record of a step that is not named is of an earlier deployment.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

Record = list[str]
# (kind, subject) -> the newest record of it, and the steps that made one.
Records = dict[tuple[str, ...], tuple[Record, set[str]]]


def read(folder: Path, steps: Iterable[str]) -> tuple[Records, list[str]]:
    """The records of steps, and the steps that left none."""
    there = [step for step in steps if (folder / "steps" / step).exists()]
    records: Records = {}
    for step in sorted(there, key=lambda step: (folder / "steps" / step).stat().st_mtime_ns):
        for line in (folder / "steps" / step).read_text().splitlines():
            kind, *record = line.split("\t")
            # A path is one file, link or folder, but has many lines.
            whole = "path" if kind in {"file", "folder", "link"} else kind
            key = (whole, *record[: 2 if kind in {"line", "table"} else 1])
            known = records.get(key, ([], set()))[1]
            records[key] = ([kind, *record], known | {step})
    return records, [step for step in steps if step not in there]


def _owner(found: os.stat_result) -> str:
    """As stat -c %U:%G prints it."""
    try:
        user = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        user = "UNKNOWN"
    try:
        return f"{user}:{grp.getgrgid(found.st_gid).gr_name}"
    except KeyError:
        return f"{user}:UNKNOWN"


def _rights(path: Path, owner: str, mode: str) -> Iterator[str]:
    found = path.lstat()
    if (now := _owner(found)) != owner:
        yield f"belongs to {now}, not {owner}"
    if (bits := f"{stat.S_IMODE(found.st_mode):o}") != mode:
        yield f"has mode {bits}, not {mode}"


def _file(path: Path, owner: str, mode: str, digest: str) -> Iterator[str]:
    if path.is_symlink() or not path.is_file():
        yield "is not a file any more" if os.path.lexists(path) else "is gone"
        return
    if sha256(path.read_bytes()).hexdigest() != digest:
        yield "was edited"
    yield from _rights(path, owner, mode)


def _folder(path: Path, owner: str, mode: str) -> Iterator[str]:
    if path.is_symlink() or not path.is_dir():
        yield "is not a folder any more" if os.path.lexists(path) else "is gone"
    else:
        yield from _rights(path, owner, mode)


def _link(path: Path, target: str) -> Iterator[str]:
    if not path.is_symlink():
        yield "is not a link any more" if path.exists() else "is gone"
    elif (now := str(path.readlink())) != target:
        yield f"leads to {now}, not {target}"


def _line(path: Path, line: str) -> Iterator[str]:
    if not path.is_file() or line not in path.read_text(errors="replace").splitlines():
        yield f"lacks the line {line!r}"


KINDS: dict[str, Callable[..., Iterator[str]]] = {
    "file": _file,
    "folder": _folder,
    "link": _link,
    "line": _line,
}


def _asked(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def services(units: Iterable[str]) -> dict[str, list[str]]:
    """Unit -> what is wrong with it. One systemctl for all, which prints a paragraph for each."""
    wanted = list(units)
    shown = _asked("systemctl", "show", "-p", "ActiveState,UnitFileState", *wanted) if wanted else ""
    found = {}
    for unit, paragraph in zip(wanted, shown.strip().split("\n\n"), strict=True) if wanted else ():
        states = dict(line.split("=", 1) for line in paragraph.splitlines())
        now, right = (states["ActiveState"], states["UnitFileState"] or "gone"), ("active", "enabled")
        found[unit] = [f"is {state}" for state, wanted in zip(now, right, strict=True) if state != wanted]
    return found


def packages(names: Iterable[str]) -> dict[str, list[str]]:
    """Package -> what is wrong with it."""
    wanted = list(names)
    shown = _asked("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *wanted) if wanted else ""
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return {name: [] if name in installed else ["is not installed"] for name in wanted}


def tables(names: Iterable[str]) -> dict[str, list[str]]:
    """Family and name of a table of nftables -> what is wrong with it."""
    wanted = list(names)
    there = _asked("nft", "list", "tables").splitlines() if wanted else []
    return {name: [] if f"table {name}" in there else ["is gone"] for name in wanted}


def runs_with(folder: Path, names: Iterable[str]) -> dict[str, set[str] | None]:
    """Service -> real paths of the files that it runs with; None when that is not known."""
    notes = {name: folder / f"{name}.runs-with" for name in names}
    # sha256 in hexadecimal, two characters, path.
    return {
        name: {line[66:] for line in note.read_text().splitlines()} if note.exists() else None
        for name, note in notes.items()
    }


def makers(records: Records, kind: str) -> dict[str, set[str]]:
    """Subject -> steps that recorded it."""
    return {" ".join(key[1:]): by for key, (_, by) in records.items() if key[0] == kind}


def paths(records: Records, users: Callable[[str], set[str]]) -> Iterator[tuple[str, set[str]]]:
    """What differs of files and folders; with the steps of services that run with such a file.

    Of a folder that is gone, what was in it is not told of.
    """
    gone = {
        Path(record[1])
        for record, _ in records.values()
        if record[0] == "folder" and not Path(record[1]).is_dir()
    }
    for (kind, *record), by in records.values():
        if kind in KINDS:
            path = Path(record[0])
            wrong = [] if gone & set(path.parents) else list(KINDS[kind](path, *record[1:]))
            if wrong:
                read_at = record[1] if kind == "link" else str(path.parent.resolve() / path.name)
                yield f"{path} {', '.join(wrong)}", by | users(read_at)


def look(folder: Path, steps: list[str]) -> dict[str, Any]:
    records, without = read(folder, steps)
    kinds = ("runs-with", "unit", "package", "table")
    noted, units, debs, rules = (makers(records, kind) for kind in kinds)
    uses = runs_with(folder, noted)

    def users(path: str) -> set[str]:
        """Steps of services that run with this file, or with one in this folder."""
        return {
            step
            for name, files in uses.items()
            if any(file == path or file.startswith(f"{path}/") for file in files or ())
            for step in noted[name]
        }

    found = [(f"no record of {', '.join(without)}: it did not end well", set(without))] if without else []
    found += paths(records, users)
    for kind, by, states in (
        ("service", units, services(units)),
        ("package", debs, packages(debs)),
        ("nftables table", rules, tables(rules)),
    ):
        found += [(f"{kind} {name} {', '.join(wrong)}", by[name]) for name, wrong in states.items() if wrong]
    found += [
        (f"service {name} may run with other files than there are", noted[name])
        for name, files in uses.items()
        if files is None
    ]
    return {
        "files": sum(record[0] in KINDS for record, _ in records.values()),
        "services": len(units),
        "packages": len(debs),
        "findings": [{"what": what, "steps": sorted(by)} for what, by in found],
    }


if __name__ == "__main__":
    print(json.dumps(look(Path(sys.argv[1]), sys.argv[2:])))
