"""What the fixture `read` returns: the values and errors that Congress finds in configuration files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Read:
    """What Congress reads from configuration files."""

    values: dict[str, Any]
    errors: list[str]


Reader = Callable[..., Read]
