"""What the files of a folder with policies declare. Policies have the format of Congress's own library."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictStr,
    StringConstraints,
    model_validator,
)

# Bytes of a text that Congress's database can store, minus room for the stack's mark (policy_code/on_host/live.py).
LARGEST = 65_000


def storable(text: str) -> str:
    """Refuse a text that MariaDB would refuse in the middle of an `up`: it has utf8mb3, and a TEXT has 65,535 bytes."""
    if any(one > "\uffff" for one in text):
        raise ValueError("has a character that Congress's database cannot hold, such as an emoji: remove it")
    if len(text.encode()) > LARGEST:
        raise ValueError(
            f"has more than {LARGEST:,} bytes, which Congress's database cannot hold: shorten it"
        )
    return text


Storable = Annotated[StrictStr, AfterValidator(storable)]
Name = Annotated[
    StrictStr,
    StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z][A-Za-z0-9_]*$"),
]
Text = Annotated[StrictStr, StringConstraints(min_length=1)]
Short = Annotated[StrictStr, StringConstraints(max_length=255), AfterValidator(storable)]
Cell = str | int | float | bool | None
Row = tuple[Cell, ...] | dict[str, Cell]


class Model(BaseModel):
    """Errors do not show the input, because it may be a password."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)


class Secret(Model):
    """A value that the stack keeps: `{secret: NAME}`."""

    secret: Annotated[StrictStr, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=100)]


ConfigValue = str | int | bool | Secret


def config_value(given: object) -> ConfigValue:
    if isinstance(given, dict) and given.keys() == {"secret"} and isinstance(given["secret"], str):
        return Secret.model_validate(given)
    if isinstance(given, str | int | Secret):  # a bool is an int
        return given
    raise ValueError("should be text, a whole number, true, false or {secret: NAME}")


def cell(given: object) -> Cell:
    if isinstance(given, float) and not math.isfinite(given):
        raise ValueError("should be a finite number")
    if given is None or isinstance(given, str | int | float):
        return given
    raise ValueError("should be text, a number, true, false or null: put a date between quotes")


def row(given: object) -> Row:
    if isinstance(given, dict):
        return {str(column): cell(value) for column, value in given.items()}
    if isinstance(given, list | tuple):
        return tuple(cell(value) for value in given)
    raise ValueError(
        "should be a row: a list of values such as [a, 1], or the columns by name such as {id: a}"
    )


def plain(given: Row) -> list[Cell] | dict[str, Cell]:
    return given if isinstance(given, dict) else [*given]


CheckedRow = Annotated[Row, PlainValidator(row), PlainSerializer(plain)]


class Rule(Model):
    rule: Annotated[Text, AfterValidator(storable)]
    name: Short | None = None
    comment: Short | None = None


class Policy(Model):
    """Congress has other kinds of policies, too. They need z3, which is not installed, or are internal (datasource)."""

    name: Name
    description: Storable = ""
    kind: Literal["nonrecursive", "action"] = "nonrecursive"
    abbreviation: (
        Annotated[StrictStr, StringConstraints(min_length=1, max_length=5), AfterValidator(storable)] | None
    ) = None
    depends_on: tuple[Name, ...] = Field(default=(), alias="depends-on")
    protect: StrictBool = False
    rules: tuple[Rule, ...]


class Datasource(Model):
    name: Name
    driver: Text
    description: Storable = ""
    protect: StrictBool = False
    config: dict[StrictStr, Annotated[ConfigValue, PlainValidator(config_value)]] = {}

    @model_validator(mode="after")
    def _congress_can_use_its_values(self) -> Datasource:
        """Congress finds this only after it has deleted the former datasource."""
        poll_time = self.config.get("poll_time", 0)
        if not isinstance(poll_time, int) or isinstance(poll_time, bool) or poll_time < 0:
            raise ValueError("config.poll_time should be a whole number of seconds")
        if "lazy_tables" in self.config:
            raise ValueError("config.lazy_tables is a list, which is not supported here: leave it out")
        return self


class Case(Model):
    """`given`: rows of datasources by table. Only tables that `expect` names are compared, and actions always."""

    name: Text
    given: dict[StrictStr, tuple[CheckedRow, ...]] = {}
    expect: dict[StrictStr, tuple[CheckedRow, ...]] = {}
    execute: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _expects_something(self) -> Case:
        if not self.expect and "execute" not in self.model_fields_set:
            raise ValueError("expects nothing: add `expect` with rows by table, or `execute` with actions")
        return self


class Cases(Model):
    cases: tuple[Case, ...]
