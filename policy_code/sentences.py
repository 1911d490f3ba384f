"""Describes wrong values of a file in words that the file's author knows. pydantic's messages name its own types."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from policy_code.model import Case, Cases, Datasource, Policy, Rule

LIST = "should be a list, whose items begin with a dash"
KEYS = "should have keys with values, each in a line KEY: VALUE"
# pydantic's type of an error -> the text that replaces pydantic's message.
SENTENCES = {
    "missing": "is missing: add it",
    "string_type": "should be text: put it between quotes",
    "string_unicode": "has a character that is none: remove it",
    "string_too_short": "is empty: write it, or remove the key",
    "string_pattern_mismatch": "should be a name: a letter, then letters, digits and _",
    "bool_type": "should be true or false",
    "tuple_type": LIST,
    "dict_type": KEYS,
    "model_type": KEYS,
}
KINDS: dict[type[BaseModel], str] = {
    Policy: "a policy",
    Datasource: "a datasource",
    Cases: "cases",
}
# A key that the model does not have, and a key that it needs. A file that has only the first one is of another kind.
MISPLACED = (
    (
        Policy,
        "driver",
        "rules",
        "is a datasource: move it into datasources/, beside the policies' own folders",
    ),
    (Policy, "cases", "rules", "has cases: give it the name of its policy's file, with .test before .yaml"),
    (Datasource, "rules", "driver", "is a policy: move it out of datasources/"),
)


def misplaced(data: dict[str, Any], model: type[BaseModel]) -> str | None:
    return next(
        (text for one, has, lacks, text in MISPLACED if one is model and has in data and lacks not in data),
        None,
    )


def no_mapping(model: type[BaseModel]) -> str:
    keys = [name for name, info in model.model_fields.items() if info.is_required()]
    named = f"{'key' if len(keys) == 1 else 'keys'} {' and '.join(keys)}"
    return f"declares nothing: {KINDS[model]} should be here, with the {named}; docs/policies.md shows one"


def sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """The error as a sentence. It does not show the value, because that may be a password."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(
        "."
    )
    reason = detail["msg"].removeprefix("Value error, ")
    reason = (reason[:1].lower() + reason[1:]).removeprefix("input ").removeprefix("string ")
    reason = SENTENCES.get(detail["type"], reason)
    if detail["type"] == "extra_forbidden":
        fields = model_at(model, detail["loc"]).model_fields.items()
        reason = f"no such key: known here are {', '.join(info.alias or name for name, info in fields)}"
    elif detail["type"] == "literal_error":
        reason += ": Congress's other kinds cannot be declared here"
    elif detail["loc"][-1:] == ("secret",):
        reason = reason.replace("digits and _", "digits, _ and -")
    return f"{where}: {reason}" if where else reason


def model_at(model: type[BaseModel], where: tuple[Any, ...]) -> type[BaseModel]:
    """The model whose key is the last of `where`."""
    parts: dict[Any, type[BaseModel]] = {"rules": Rule, "cases": Case}
    return parts.get(where[0], model) if len(where) > 1 else model
