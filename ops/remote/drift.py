"""Sent to a host: compares the host with the records of its steps, which templates/step/lib.sh writes.

usage: drift.py FOLDER STEP...: FOLDER is /var/lib/congress-ha. Prints one JSON object: the numbers of `files`,
`services` and `packages` that were checked, and `findings`, a list of {what, steps}: the difference, without any file
content, and the steps that repair it. Records of steps that are not named belong to an earlier deployment.
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
    """The records of the steps, and the steps without a record."""
    present = [step for step in steps if (folder / "steps" / step).exists()]
    records: Records = {}
    for step in sorted(present, key=lambda step: (folder / "steps" / step).stat().st_mtime_ns):
        for line in (folder / "steps" / step).read_text().splitlines():
            kind, *record = line.split("\t")
            # A path has one record as file, link or folder, but many records of lines.
            whole = "path" if kind in {"file", "folder", "link"} else kind
            key = (whole, *record[: 2 if kind in {"line", "table"} else 1])
            earlier = records.get(key, ([], set()))[1]
            records[key] = ([kind, *record], earlier | {step})
    return records, [step for step in steps if step not in present]


def _owner(findings: os.stat_result) -> str:
    """Owner and group, as `stat -c %U:%G` prints them."""
    try:
        user = pwd.getpwuid(findings.st_uid).pw_name
    except KeyError:
        user = "UNKNOWN"
    try:
        return f"{user}:{grp.getgrgid(findings.st_gid).gr_name}"
    except KeyError:
        return f"{user}:UNKNOWN"


def _rights(path: Path, owner: str, mode: str) -> Iterator[str]:
    findings = path.lstat()
    if (now := _owner(findings)) != owner:
        yield f"belongs to {now}, not {owner}"
    if (bits := f"{stat.S_IMODE(findings.st_mode):o}") != mode:
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


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def services(units: Iterable[str]) -> dict[str, list[str]]:
    """Unit -> what is wrong with it. One systemctl call prints a paragraph per unit."""
    wanted = list(units)
    shown = _output("systemctl", "show", "-p", "ActiveState,UnitFileState", *wanted) if wanted else ""
    findings = {}
    for unit, paragraph in zip(wanted, shown.strip().split("\n\n"), strict=True) if wanted else ():
        states = dict(line.split("=", 1) for line in paragraph.splitlines())
        now, right = (states["ActiveState"], states["UnitFileState"] or "gone"), ("active", "enabled")
        findings[unit] = [f"is {state}" for state, wanted in zip(now, right, strict=True) if state != wanted]
    return findings


def packages(names: Iterable[str]) -> dict[str, list[str]]:
    """Package -> what is wrong with it."""
    wanted = list(names)
    shown = _output("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *wanted) if wanted else ""
    installed = {line.split()[0] for line in shown.splitlines() if line.endswith(" installed")}
    return {name: [] if name in installed else ["is not installed"] for name in wanted}


def tables(names: Iterable[str]) -> dict[str, list[str]]:
    """Family and name of an nftables table -> what is wrong with it."""
    wanted = list(names)
    present = _output("nft", "list", "tables").splitlines() if wanted else []
    return {name: [] if f"table {name}" in present else ["is gone"] for name in wanted}


def files_by_service(folder: Path, names: Iterable[str]) -> dict[str, set[str] | None]:
    """Service -> real paths of the files that it was started with; None if there is no record."""
    notes = {name: folder / f"{name}.runs-with" for name in names}
    # sha256 in hexadecimal, two characters, path.
    return {
        name: {line[66:] for line in note.read_text().splitlines()} if note.exists() else None
        for name, note in notes.items()
    }


def steps_by_subject(records: Records, kind: str) -> dict[str, set[str]]:
    """Subject -> steps that recorded it."""
    return {" ".join(key[1:]): by for key, (_, by) in records.items() if key[0] == kind}


def paths(records: Records, using_steps: Callable[[str], set[str]]) -> Iterator[tuple[str, set[str]]]:
    """Differences of files and folders, with the steps of the services that use them.

    The content of a missing folder is not listed.
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
                yield f"{path} {', '.join(wrong)}", by | using_steps(read_at)


def compare(folder: Path, steps: list[str]) -> dict[str, Any]:
    records, unrecorded = read(folder, steps)
    kinds = ("runs-with", "unit", "package", "table")
    recorded_by, units, debian_packages, nft_tables = (steps_by_subject(records, kind) for kind in kinds)
    files_of = files_by_service(folder, recorded_by)

    def using_steps(path: str) -> set[str]:
        """Steps of services that use this file, or a file in this folder."""
        return {
            step
            for name, files in files_of.items()
            if any(file == path or file.startswith(f"{path}/") for file in files or ())
            for step in recorded_by[name]
        }

    findings = (
        [(f"no record of {', '.join(unrecorded)}: the step failed", set(unrecorded))] if unrecorded else []
    )
    findings += paths(records, using_steps)
    for kind, by, states in (
        ("service", units, services(units)),
        ("package", debian_packages, packages(debian_packages)),
        ("nftables table", nft_tables, tables(nft_tables)),
    ):
        findings += [
            (f"{kind} {name} {', '.join(wrong)}", by[name]) for name, wrong in states.items() if wrong
        ]
    findings += [
        (f"service {name} may run with files other than those on disk", recorded_by[name])
        for name, files in files_of.items()
        if files is None
    ]
    return {
        "files": sum(record[0] in KINDS for record, _ in records.values()),
        "services": len(units),
        "packages": len(debian_packages),
        "findings": [{"what": what, "steps": sorted(by)} for what, by in findings],
    }


if __name__ == "__main__":
    print(json.dumps(compare(Path(sys.argv[1]), sys.argv[2:])))
