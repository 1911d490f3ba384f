"""All problems of test cases: tables and columns that do not exist, rows of a wrong size, invalid actions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from congress.datalog import compile  # noqa: A004  Congress's name

from policy_code.in_congress.drivers import Problem, Schema, near
from policy_code.in_congress.rules import Names, parse


def check(names: Names, policy: str, cases: list[dict[str, Any]]) -> Iterator[Problem]:
    for position, case in enumerate(cases):
        where = ["cases", position]
        for table, rows in case["given"].items():
            yield from given(names, table, rows, [*where, "given", table])
        for table, rows in case["expect"].items():
            yield from expected(names, policy, table, rows, [*where, "expect", table])
        for number, text in enumerate(case["execute"]):
            try:
                action(text)
            except ValueError as error:
                yield [*where, "execute", number], f"execute: {text!r} {error}"


def split(policy: str, table: str) -> tuple[str, str]:
    """Policy and table of a name such as `error` or `Other:error`."""
    service, colon, name = table.partition(":")
    return (service, name) if colon else (policy, table)


def given(names: Names, table: str, rows: list[Any], where: list[Any]) -> Iterator[Problem]:
    service, colon, name = table.partition(":")
    if service in names.unread:
        return
    if not colon or service not in names.schemas:
        yield (
            where,
            f"given: {table} is no table of a datasource: name it as DATASOURCE:TABLE; {near(service, names.schemas)}",
        )
        return
    schema = names.schemas[service]
    if schema is not None and name not in schema:
        yield where, f"given: {service} has no table {name}: {near(name, schema)}"
    elif schema is not None:
        for position, row in enumerate(rows):
            yield from (
                ([*where, position], f"given: {table}: {text}") for text in wrong_row(schema, name, row)
            )


def wrong_row(schema: Schema, table: str, row: Any) -> Iterator[str]:
    if isinstance(row, dict):
        for column in row.keys() - {*schema[table]}:
            yield f"there is no column {column}: {near(column, schema[table])}"
    elif len(row) != len(schema[table]):
        yield f"a row has {len(row)} values and the table {len(schema[table])} columns: name the columns, {{id: ...}}"


def expected(names: Names, policy: str, table: str, rows: list[Any], where: list[Any]) -> Iterator[Problem]:
    service, name = split(policy, table)
    if service in names.unread:
        return
    if service not in names.defined:
        yield where, f"expect: {table}: there is no policy {service}: {near(service, names.defined)}"
    elif name not in names.defined[service]:
        if service not in names.broken:
            tables = [one for one in names.defined[service] if not one.startswith("execute ")]
            yield where, f"expect: no rule of {service} defines {name}: {near(name, tables)}"
    else:
        size = names.defined[service][name]
        for position, row in enumerate(rows):
            if isinstance(row, dict):
                text = "the columns of a policy's table have no names: give a list of values"
            elif len(row) != size:
                text = f"a row has {len(row)} values and the table {size}"
            else:
                continue
            yield [*where, position], f"expect: {table}: {text}"


def action(text: str) -> Any:
    """An action such as nova:servers.pause('x'), parsed. Raises ValueError, with the reason."""
    parsed = parse(text)
    if (
        not compile.is_atom(parsed)
        or parsed.table.modal
        or parsed.table.service is None
        or not parsed.is_ground()
    ):
        raise ValueError("is no action: write DATASOURCE:ACTION('value', ...)")
    return parsed
