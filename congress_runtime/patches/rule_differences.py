"""Let an engine find changed rules by looking them up, and keep a rule whose name or comment alone has changed.

Each synchronisation, and each insertion, which holds locks of the whole deployment, compares all rules of the database
with all rules of the engine. Upstream compares each with each, parses all facts of the database anew, creates an
object with all columns for each rule of the database, and three for each fact of the engine. With 10,000 rules, an
engine compares for longer than the period of the synchronisation, and answers nobody meanwhile.

Here, the cost is that of reading the rules once, without SQLAlchemy's objects. Nothing more happens if nothing has
changed.

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
from sqlalchemy import select

LOG = log.getLogger(__name__)
Plain = tuple[Any, ...]
FACTS = 100_000  # that are not parsed again


class Rule(NamedTuple):
    """What upstream compares. A fact has only a text and a policy.

    It is equal to a plain tuple of these, which costs a tenth: both sides have plain ones, each time one for each rule.
    """

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
    """The rules of the database, with the columns that are compared, in the order of Rule."""
    table = PolicyRule.__table__.c
    columns = (table.policy_name, table.rule, table.id, table.comment, table.name)
    query = select(*columns).where(table.deleted == "")
    rows: list[Any] = (session or db_api.get_session()).execute(query).all()
    return rows


def fact(policy: str, text: str) -> Plain:
    return policy, text, None, None, None


def in_database(session: Any) -> Iterator[Plain]:
    for row in stored(session):
        yield tuple(row) if ":-" in row[1] else fact(row[0], normal(row[1]))


def in_engine(engine: Any) -> Iterator[tuple[Plain, Any]]:
    """Each with Congress's own object; None for a fact."""
    for name in engine.policy_names():
        policy = engine.policy_object(name)
        if policy.kind == base.DATASOURCE_POLICY_TYPE:
            continue
        rules: Iterable[Any]
        if isinstance(policy, RuleHandlingMixin):
            for table, facts in policy.rules.facts.items():
                for row in facts:
                    yield fact(name, text_of_fact(table, *row)), None
            rules = chain.from_iterable(policy.rules.rules.values())
        else:
            rules = policy.content()
        for rule in rules:
            if rule.original_str is None:
                yield fact(name, str(rule.head)), None
            else:
                yield (name, rule.original_str, rule.id, rule.comment, rule.name), rule


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


def changes(engine: Any, wanted: dict[Plain, None], present: dict[Plain, Any]) -> list[Event]:
    """What the engine has to insert and to delete. A rule that only has another identifier, name or comment gets it."""
    gone = [Rule._make(plain) for plain in present if plain not in wanted]
    former = {(rule.policy, parsed(engine, rule)): rule for rule in gone}
    inserted = []
    for plain in wanted:
        if plain in present:
            continue
        rule = Rule._make(plain)
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
