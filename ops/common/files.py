"""Files that only the current user can read."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write a file atomically. Its mode is 0600 from the first byte on."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123
        file.write(text)
    new.replace(path)
