"""The files of a folder with policies, and their text.

Anything that cannot be read is a problem. Otherwise `up` would silently delete what it declared.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from policy_code.documents import Problem

SUFFIXES = (".yaml", ".yml")
# Bytes of a file. 500 policies of 20 rules have 1 MB in all; PyYAML reads about 0.5 MB in a second.
LARGEST = 4_000_000


class UnreadableError(Exception):
    """The text says why, and the way out."""

    def __init__(self, text: str, line: int = 1) -> None:
        super().__init__(text)
        self.line = line


def find(path: Path) -> tuple[list[Path], list[Problem]]:
    """The YAML files of a folder and its subfolders, in order, and the problems of folders that cannot be read."""
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            return [], [problem(path, "is a file, not a folder: name the one that has the policies")]
    except FileNotFoundError:
        return [], [problem(path, "there is no such folder: name the one that has the policies")]
    except OSError as error:
        return [], [problem(path, f"cannot be read: {reason(error)}: name the folder that has the policies")]
    problems: list[Problem] = []
    found: list[Path] = []

    def unreadable(error: OSError) -> None:
        text = f"cannot be read: {reason(error)}: let your user read it, or remove it"
        problems.append(problem(Path(str(error.filename)), text))

    for folder, folders, names in os.walk(path, onerror=unreadable):
        problems += links(Path(folder, name) for name in folders)
        found += [file for name in names if is_declaration(file := Path(folder, name))]
    return sorted(found), problems


def links(folders: Iterator[Path]) -> Iterator[Problem]:
    """Problems of links to folders, which may lead in a circle, or twice to one policy."""
    for one in folders:
        if one.is_symlink():
            text = "is a link to a folder, which is not followed: link its files instead, or copy them"
            yield problem(one, text)


def is_declaration(file: Path) -> bool:
    if file.suffix.lower() not in SUFFIXES:
        return False
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:  # such as a link that leads nowhere: reading it says so
        return True


def text_of(file: Path) -> str:
    """Raises UnreadableError."""
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise UnreadableError(
                f"has {size / 1e6:.1f} MB, and a file may have {LARGEST // 1_000_000}: split it"
            )
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        at = error.object.count(b"\n", 0, error.start) + 1
        raise UnreadableError("is not text in UTF-8: save it so", at) from None
    except OSError as error:
        raise UnreadableError(f"cannot be read: {reason(error)}: mend it, or remove it") from None


def reason(error: OSError) -> str:
    return error.strerror or str(error)


def problem(file: Path, text: str) -> Problem:
    return Problem(str(file), 1, text)
