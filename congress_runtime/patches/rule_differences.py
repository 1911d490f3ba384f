"""Let an engine find changed rules by looking them up, and parse each fact once.

Each synchronisation, and each insertion, which holds locks of the whole deployment, compares all rules of the database
with all rules of the engine. Upstream compares each with each, and parses all facts of the database anew. With 10,000
rules, an engine compares for longer than the period of the synchronisation, and answers nobody meanwhile.

Here, the cost is that of reading the rules once. Nothing more happens if nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from congress.datalog import base
from congress.datalog.compile import Event, parse1
from congress.db import db_policy_rules
from congress.synchronizer.policy_rule_synchronizer import PolicyRuleSynchronizer
from oslo_log import log

LOG = log.getLogger(__name__)
FACTS = 100_000  # that are not parsed again


class Rule(NamedTuple):
    """What upstream compares. A fact has only a text and a policy."""

    policy: str
    text: str
    id: str | None = None
    comment: str | None = None
    name: str | None = None


@lru_cache(FACTS)
def normal(fact: str) -> str:
    """Without the effect of its formatting."""
    return str(parse1(fact).pretty_str())


def in_database(session: Any) -> Iterator[Rule]:
    for one in db_policy_rules.get_policy_rules(session=session):
        if ":-" in one.rule:
            yield Rule(one.policy_name, one.rule, one.id, one.comment, one.name)
        else:
            yield Rule(one.policy_name, normal(one.rule))


def in_engine(engine: Any) -> Iterator[Rule]:
    for name in engine.policy_names():
        policy = engine.policy_object(name)
        if policy.kind == base.DATASOURCE_POLICY_TYPE:
            continue
        for rule in policy.content():
            if rule.original_str is None:
                yield Rule(name, str(rule.head))
            else:
                yield Rule(name, rule.original_str, rule.id, rule.comment, rule.name)


def events(engine: Any, rules: Iterable[Rule], *, insert: bool) -> Iterator[Event]:
    for rule in rules:
        formula = engine.parse1(rule.text)
        if rule.id is not None:
            formula.set_id(rule.id)
            formula.set_name(rule.name)
            formula.set_comment(rule.comment)
            formula.set_original_str(rule.text)
        yield Event(formula=formula, insert=insert, target=rule.policy)


def apply() -> None:
    def synchronize_rules(self: Any, db_session: Any = None) -> None:
        try:
            wanted = dict.fromkeys(in_database(db_session))
            present = dict.fromkeys(in_engine(self.engine))
            changes = [
                *events(self.engine, (rule for rule in wanted if rule not in present), insert=True),
                *events(self.engine, (rule for rule in present if rule not in wanted), insert=False),
            ]
            if changes:
                permitted, made = self.engine.process_policy_update(changes)
                LOG.info("synchronized rules: permitted %s, %d changes", permitted, len(made))
        except Exception:
            LOG.exception("the rules could not be synchronized")

    PolicyRuleSynchronizer.synchronize_rules_nonlocking = synchronize_rules
