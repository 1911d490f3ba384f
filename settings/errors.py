"""Converts pydantic's errors into sentences with the key, the allowed values and an example."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import Any, get_args

import pulumi
from pydantic import BaseModel, RootModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails


class SettingsError(pulumi.RunError):
    """All problems of the settings, one line each. Pulumi shows a RunError's text without a traceback."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"The settings have {count}; nothing was changed. Pulumi.prod.yaml explains every key.\n{lines}"
        )


def describe(error: ValidationError, root: type[BaseModel], namespace: str) -> list[str]:
    """One sentence per problem of `error`, a validation error of the model `root`."""
    details = error.errors(include_url=False)
    # pydantic also reports a list as too short if its only element is invalid.
    inner = {detail["loc"][:-1] for detail in details}
    return [
        _sentence(detail, root, namespace)
        for detail in details
        if detail["type"] != "too_short" or detail["loc"] not in inner
    ]


def _sentence(detail: ErrorDetails, root: type[BaseModel], namespace: str) -> str:
    location = [part for part in detail["loc"] if isinstance(part, str)]
    index = "".join(f"[{part}]" for part in detail["loc"] if isinstance(part, int))
    if not location:
        return f"{namespace}: {_reason(detail)}"
    name = f"{namespace}:{'.'.join(location)}"
    if detail["type"] == "extra_forbidden":
        settings = ", ".join(
            sorted(field.alias or n for n, field in _model_at(root, location[:-1]).model_fields.items())
        )
        return f"{name}: no such setting; settings here: {settings}"
    field = _field_at(root, location)
    if field is not None and _is_secret(field.annotation) and isinstance(detail.get("input"), (int, float)):
        # The value is not shown. What `config set --secret` stores is always text.
        way_out = f"store it by: pulumi config set --secret --path '{name}'"
        return f"{name}{index}: is written as a number, true or false, and should be an encrypted text; {way_out}"
    text = f"{name}{index}: {_reason(detail)}"
    if field is None:
        return text
    if field.description:
        text += f" ({field.description})"
    if field.examples:
        # A secret is never an argument: Pulumi asks for it, or reads it from standard input.
        secret = "--secret " if SecretStr in {field.annotation, *get_args(field.annotation)} else ""
        text += f". Example: pulumi config set {secret}--path '{_settable(name, field)}".rstrip()
    return text


def _settable(name: str, field: FieldInfo) -> str:
    """Last part of a `pulumi config set` command. Of an object or a list, it shows the first key or element."""
    value: Any = (field.examples or [""])[0]
    while isinstance(value, (dict, list)) and value:
        first = 0 if isinstance(value, list) else next(iter(value))
        name += f"[{first}]" if isinstance(value, list) else f".{first}"
        value = value[first]
    shown = value if isinstance(value, str) else json.dumps(value)
    return f"{name}' {shown}"


def _reason(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    given = detail.get("input")
    # Show only numbers: a text may be secret (an index URL with a password), and an object does not help.
    return f"{message} (is {json.dumps(given)})" if isinstance(given, (int, float)) else message


def _is_secret(annotation: Any) -> bool:
    if inspect.isclass(annotation) and issubclass(annotation, RootModel):
        annotation = annotation.model_fields["root"].annotation
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models in a field's annotation, such as [Guest] for `Guest | None`."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def _field_at(root: type[BaseModel], location: Sequence[str]) -> FieldInfo | None:
    model, field = root, None
    for part in location:
        match = next((f for n, f in model.model_fields.items() if part in (f.alias, n)), None)
        if match is None:
            break
        field = match
        inner = models_in(field.annotation)
        model = inner[0] if inner else model
    return field


def _model_at(root: type[BaseModel], location: Sequence[str]) -> type[BaseModel]:
    field = _field_at(root, location)
    inner = models_in(field.annotation) if field else []
    return inner[0] if inner else root
