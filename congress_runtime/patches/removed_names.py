"""Restores three names that Congress 11.0.0 needs and that Python 3.10 and 3.11 removed.

congress_runtime.pth in the virtual environment imports this module when the interpreter starts, because Congress's own
modules use the names while they are imported. A sitecustomize.py could do the same, but Debian's takes precedence over
the one in a virtual environment.
"""

import collections
import collections.abc
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple


class ArgSpec(NamedTuple):
    """The result of inspect.getargspec up to Python 3.10: positional names, `*`, `**`, defaults."""

    args: list[str]
    varargs: str | None
    keywords: str | None
    defaults: tuple[Any, ...] | None


def getargspec(func: Callable[..., Any]) -> ArgSpec:
    """Describe the positional part of the signature of `func`.

    Python's function raised ValueError for keyword-only parameters and annotations. Congress calls it for every method
    of the OpenStack clients and catches no error, so one annotated method would disable a whole driver. This function
    omits them instead.
    """
    spec = inspect.getfullargspec(func)
    return ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)


def restore() -> None:
    """Add the names that this Python lacks; names that an older Python still has stay."""
    for owner, name, value in (
        (collections, "MutableSet", collections.abc.MutableSet),
        (collections, "Hashable", collections.abc.Hashable),
        (inspect, "getargspec", getargspec),
    ):
        if not hasattr(owner, name):
            setattr(owner, name, value)


restore()
