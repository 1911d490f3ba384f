"""The three names that Congress 11.0.0 needs and Python 3.10-3.11 removed.

Loaded at interpreter start by congress_runtime.pth in the virtual environment: Congress's own modules use
the names while they are being imported. A sitecustomize.py would do the same, but Debian's own shadows a
virtual environment's.
"""

import collections
import collections.abc
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple


class ArgSpec(NamedTuple):
    """What inspect.getargspec gave up to Python 3.10: positional names, `*`, `**`, defaults."""

    args: list[str]
    varargs: str | None
    keywords: str | None
    defaults: tuple[Any, ...] | None


def getargspec(func: Callable[..., Any]) -> ArgSpec:
    """Describe the positional part of the signature of `func`.

    The old one raised ValueError on keyword-only parameters and annotations. Congress asks it about every
    method of the OpenStack clients and catches nothing, so one annotated method would cost a whole driver:
    they are left out instead.
    """
    spec = inspect.getfullargspec(func)
    return ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)


def restore() -> None:
    """Put the names back where this Python lacks them; leaves an older Python's own ones alone."""
    for owner, name, value in (
        (collections, "MutableSet", collections.abc.MutableSet),
        (collections, "Hashable", collections.abc.Hashable),
        (inspect, "getargspec", getargspec),
    ):
        if not hasattr(owner, name):
            setattr(owner, name, value)


restore()
