"""All problems of the rules of policies, by Congress's own parser and checks.

Congress itself accepts a rule that names a table which does not exist, a builtin with a wrong number of arguments, or
one table with two sizes. Such a rule never finds a row, so this module reports it as a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

from congress.datalog import builtin, compile  # noqa: A004  Congress's name
from congress.exception import CongressException

from policy_code.in_congress.drivers import Schema, near

QUOTED = r"'(\w+)'"
# The beginnings of Congress's errors, and the way out of each.
WAYS_OUT = {
    "Variable": "a value of the head has to come from a table in the body, without `not`",
    "Fact not ground": "a rule without a body has values only: put text between quotes, or add a body after :-",
    "Conflict with built-in": "choose another name for the table",
    "Non-modal rule head": "a policy defines its own tables only: leave out what is before the colon",
    "Fact ": "a policy has its own facts only: leave out what is before the colon",
    "Only 'execute'": "write execute[DATASOURCE:ACTION(...)]",
    "Non-formula": "a rule has one head: write a rule for each table",
}


@dataclass
class Parsed:
    """`position` among the policy's rules."""

    position: int
    text: str
    formula: Any

    @property
    def where(self) -> list[Any]:
        return ["rules", self.position, "rule"]

    def is_fact(self) -> bool:
        return isinstance(self.formula, compile.Literal)

    def heads(self) -> list[Any]:
        return [self.formula] if self.is_fact() else self.formula.heads

    def body(self) -> list[Any]:
        return [] if self.is_fact() else self.formula.body


@dataclass
class Names:
    """`schemas` of datasources, `defined` tables of policies.
    `broken`: policies with a rule that could not be parsed; what they define is not known.
    `unread`: policies and datasources of which nothing else is known.
    """

    schemas: dict[str, Schema | None]
    executing: set[str]
    defined: dict[str, dict[str, int]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def columns(self, service: str, table: str) -> list[str]:
        """The columns of a known table."""
        return (self.schemas[service] or {})[table]


def parse(text: str) -> Any:
    """Raises ValueError, with the reason."""
    try:
        # If the parser cannot read a rule, its error has a line for each problem. The first line is the cause.
        formulas = compile.parse(text)
    except CongressException as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        first = next((line for line in lines if line.startswith("line:")), lines[0] if lines else "")
        match = re.match(r"line:(\d+),col:(\d+)\s+(?:line \S+\s+)?(.*)", first)
        if not match:
            raise ValueError(first) from None
        at = text.splitlines()[int(match[1]) - 1][int(match[2]) :] if int(match[1]) else ""
        if match[3].startswith("no viable alternative at character"):
            text = f"outside of quotes there may be no {match[3].rpartition(' ')[2]}"
            raise ValueError(f"is no rule: {text}: put text between quotes, or remove it") from None
        around = f' near "{at[:30].strip()}"' if at.strip() else " at its end"
        raise ValueError(f"is no rule{around}: {match[3]}") from None
    if len(formulas) != 1:
        count = "several rules" if formulas else "no rule"
        raise ValueError(f"has {count}: put each rule into an item of its own")
    if isinstance(formulas[0], compile.Event):
        raise ValueError("is a change and no rule: write HEAD :- BODY, or a fact")  # noqa: TRY004  it is about text
    return formulas[0]


def literal(names: Names, policy: str, one: Any) -> Iterator[str]:
    """Problems of a table in a rule's body, or of an action."""
    service, table = one.table.service or policy, one.table.table
    if service in names.unread:
        return
    if one.table.modal is not None:
        yield from action(names, one)
    elif one.table.service in (None, "builtin") and one.is_builtin(check_arguments=False):
        takes = len(builtin.builtin_registry.builtin(one.table).predargs)
        count = len(one.arguments) + len(one.named_arguments)
        if count != takes:
            yield f"builtin {table} takes {takes} arguments and gets {count}"
    elif service == "builtin":
        yield f"there is no builtin {table}: {near(table, builtin.builtin_registry.preddict)}"
    elif service in names.schemas:
        yield from columns(names.schemas[service], service, one)
    elif service in names.defined:
        yield from of_policy(names, policy, service, one)
    else:
        services = names.schemas.keys() | names.defined.keys()
        yield f"{service}:{table}: there is no datasource or policy {service}: {near(service, services)}"


def action(names: Names, one: Any) -> Iterator[str]:
    service, table = one.table.service, one.table.table
    if service is None:
        yield f"execute[{table}(...)] names no datasource: write execute[DATASOURCE:{table}(...)]"
    elif service not in names.schemas:
        yield f"execute[{service}:{table}(...)]: there is no datasource {service}: {near(service, names.schemas)}"
    elif names.schemas[service] and service not in names.executing:
        yield f"execute[{service}:{table}(...)]: the driver of {service} executes no actions"


def columns(schema: Schema | None, service: str, one: Any) -> Iterator[str]:
    table = one.table.table
    if schema is None:  # of an unknown driver
        return
    if table not in schema:
        yield f"{service} has no table {table}: {near(table, schema)}"
        return
    declared = schema[table]
    for column in one.named_arguments:
        if column not in declared if isinstance(column, str) else column >= len(declared):
            yield f"{service}:{table} has no column {column}: {near(str(column), declared)}"
    if len(one.arguments) > len(declared):
        yield f"{service}:{table} has {len(declared)} columns and gets {len(one.arguments)} values"


def of_policy(names: Names, policy: str, service: str, one: Any) -> Iterator[str]:
    table, defined = one.table.table, names.defined[service]
    shown = table if service == policy else f"{service}:{table}"
    if one.named_arguments:
        yield f"{shown}: the columns of a policy's table have no names: give its values in their order"
    elif table not in defined:
        if service not in names.broken and one.tablename() not in ("true", "false"):
            yield f"no rule defines {shown}: {near(table, defined)}; of a table that is empty for now, give a fact"
    elif len(one.arguments) != defined[table]:
        yield f"{shown} has {defined[table]} columns and gets {len(one.arguments)} values"


def define(names: Names, policy: str, rule: Parsed) -> Iterator[str]:
    """Record what a rule defines."""
    for head in rule.heads():
        table = f"execute {head.table}" if head.table.modal else head.table.table
        size = names.defined[policy].setdefault(table, len(head.arguments))
        if size != len(head.arguments):
            shown = table.removeprefix("execute ")
            yield f"{shown} has {len(head.arguments)} columns here and {size} in another rule: give both the same"


def foreign_texts(literals: Sequence[Any]) -> Iterator[str]:
    """Texts that are not ASCII. Congress drops such characters from rows of datasources, so the rule finds no row."""
    for one in literals:
        for term in [*one.arguments, *one.named_arguments.values()]:
            text = term.name
            if not term.is_variable() and isinstance(text, str) and not text.isascii():
                kept = text.encode("ascii", "ignore").decode()
                yield (
                    f"{text!r} is {kept!r} in the rows of datasources, because Congress leaves out what is not ASCII: "
                    "write that"
                )


def flat(one: Any) -> Any:
    """The table with the values of its named columns after its other values, for checks of variables."""
    new = copy(one)
    new.arguments, new.named_arguments = [*one.arguments, *one.named_arguments.values()], {}
    return new


def unsafe(error: Exception) -> str:
    literals = re.findall(
        r"(not \S+\(.*?\)|\S+\(.*?\)) \(vars \{(.*?)\}\)", str(error).partition("Unsafe lits: ")[2]
    )
    which = "; ".join(
        f"{', '.join(sorted(re.findall(QUOTED, variables)))} in {one}" for one, variables in literals
    )
    return f"{which or error} gets no value: use it in a table without `not`, too"


def language(kind: str, rule: Parsed) -> Iterator[Any]:
    """What Congress finds wrong with a rule, no matter which tables exist."""
    if rule.is_fact():
        fact = flat(rule.formula)
        if not fact.is_ground():
            yield f"Fact not ground: {fact}"
        yield from [*compile.fact_has_no_theory(fact), *compile.keywords_safety(fact)]
        return
    formula = compile.Rule([flat(head) for head in rule.heads()], [flat(one) for one in rule.body()])
    if not compile.is_datalog(formula):
        yield f"Non-formula found: {formula}"
    elif kind == "action":
        yield from compile.rule_head_has_no_theory(formula, permit_head=lambda head: head.is_update())
    else:
        yield from compile.rule_head_safety(formula)
        yield from compile.rule_head_has_no_theory(formula)
        yield from compile.rule_modal_safety(formula)
        yield from compile.keywords_safety(formula.head)
        yield from map(unsafe, compile.rule_body_safety(formula))  # the last: it changes the body's order


def check(names: Names, policy: str, kind: str, rule: Parsed) -> Iterator[str]:
    """All problems of a rule by itself."""
    # In facts, and between tables of policies, Congress does not change such texts.
    if any(one.table.service in names.schemas for one in rule.body()):
        yield from foreign_texts(rule.body())
    for one in rule.body():
        yield from literal(names, policy, one)
    for head in rule.heads():
        if head.table.modal:
            yield from literal(names, policy, head)
        if head.is_negated():
            yield f"the head {head} is negated: leave out `not`"
            return
    for text in map(str, language(kind, rule)):
        yield ": ".join([text, *[out for begin, out in WAYS_OUT.items() if text.startswith(begin)][:1]])
