"""Let an engine find changed rules by looking them up, and keep a rule whose name or comment alone has changed.

Each synchronisation, and each insertion, which holds locks of the whole deployment, compares all rules of the database
with all rules of the engine. Upstream compares each with each, parses all facts of the database anew, creates an
object with all columns for each rule of the database, and three for each fact of the engine. With 10,000 rules, an
engine compares for longer than the period of the synchronisation, and answers nobody meanwhile.

Here, the cost is that of reading the rules once. Nothing more happens if nothing has changed.

If a rule is deleted and inserted again with another name or comment, another engine finds both changes at once.
Upstream passes an insertion and a deletion of the same rule to the engine. It drops the insertion, because the rule is
there, and then deletes the rule. So the engine lacks the rule until the next synchronisation. Here, the rule stays, and
gets the new identifier, name and comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from congress.datalog import base
from congress.datalog.compile import Event, Literal, Term, parse1
from congress.datalog.nonrecursive import RuleHandlingMixin
from congress.db import api as db_api
from congress.db.db_policy_rules import PolicyRule
from congress.db.utils import retry_on_db_error
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


@lru_cache(FACTS, typed=True)
def text_of_fact(table: str, *values: Any) -> str:
    """As Congress writes a fact that it has stored; 1 and 1.0 are two facts."""
    return str(Literal(table, [Term.create_from_python(value) for value in values], use_modules=False))


@retry_on_db_error  # type: ignore[untyped-decorator]
def stored(session: Any) -> list[Any]:
    """The rules of the database, with the columns that are compared."""
    columns = (PolicyRule.policy_name, PolicyRule.rule, PolicyRule.id, PolicyRule.comment, PolicyRule.name)
    query = (session or db_api.get_session()).query(*columns)
    rows: list[Any] = query.filter(PolicyRule.deleted == "").all()
    return rows


def in_database(session: Any) -> Iterator[Rule]:
    for policy, text, id_, comment, name in stored(session):
        if ":-" in text:
            yield Rule(policy, text, id_, comment, name)
        else:
            yield Rule(policy, normal(text))


def in_engine(engine: Any) -> Iterator[tuple[Rule, Any]]:
    """Each with Congress's own object; None for a fact."""
    for name in engine.policy_names():
        policy = engine.policy_object(name)
        if policy.kind == base.DATASOURCE_POLICY_TYPE:
            continue
        rules: Iterable[Any]
        if isinstance(policy, RuleHandlingMixin):
            for table, facts in policy.rules.facts.items():
                for fact in facts:
                    yield Rule(name, text_of_fact(table, *fact)), None
            rules = chain.from_iterable(policy.rules.rules.values())
        else:
            rules = policy.content()
        for rule in rules:
            if rule.original_str is None:
                yield Rule(name, str(rule.head)), None
            else:
                yield Rule(name, rule.original_str, rule.id, rule.comment, rule.name), rule


def parsed(engine: Any, rule: Rule) -> Any:
    formula = engine.parse1(rule.text)
    if rule.id is not None:
        identify(formula, rule)
    return formula


def identify(formula: Any, rule: Rule) -> None:
    formula.set_id(rule.id)
    formula.set_name(rule.name)
    formula.set_comment(rule.comment)
    formula.set_original_str(rule.text)


def changes(engine: Any, wanted: dict[Rule, None], present: dict[Rule, Any]) -> list[Event]:
    """What the engine has to insert and to delete. A rule that only has another identifier, name or comment gets it."""
    former = {(rule.policy, parsed(engine, rule)): rule for rule in present if rule not in wanted}
    inserted = []
    for rule in wanted:
        if rule in present:
            continue
        formula = parsed(engine, rule)
        same = former.get((rule.policy, formula))
        if same is not None and present[same] is not None and rule.id is not None:
            identify(present[same], rule)
            del former[rule.policy, formula]
        else:
            inserted.append(Event(formula=formula, insert=True, target=rule.policy))
    deleted = [Event(formula=formula, insert=False, target=policy) for policy, formula in former]
    return [*inserted, *deleted]


def apply() -> None:
    def synchronize_rules(self: Any, db_session: Any = None) -> None:
        try:
            wanted = dict.fromkeys(in_database(db_session))
            present = dict(in_engine(self.engine))
            if wanted.keys() == present.keys():
                return
            events = changes(self.engine, wanted, present)
            if events:
                permitted, made = self.engine.process_policy_update(events)
                LOG.info("synchronized rules: permitted %s, %d changes", permitted, len(made))
        except Exception:
            LOG.exception("the rules could not be synchronized")

    PolicyRuleSynchronizer.synchronize_rules_nonlocking = synchronize_rules
