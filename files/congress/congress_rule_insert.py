# ruff: noqa: INP001 (a module of Congress's virtual environment, not of this project)
"""Let an engine insert a rule without holding the database's locks while it asks the bus.

A rule is inserted under WRITE locks on `policies`, `policy_rules` and `datasources`, the whole deployment's. Under them
upstream asks datasources for the tables that the rule names, for up to 20 s each: while a datasource node hangs, nobody
reads a policy, and `/health` says so of every engine. Here the locks are given back first. Until the answers are there
the inserting client waits, as before; without them his rule is inserted all the same, and congress_subscriptions asks
again.
"""

from typing import Any

import eventlet
from congress.policy_engines.agnostic import DseRuntime
from congress.synchronizer.policy_rule_synchronizer import PolicyRuleSynchronizer
from oslo_log import log

LOG = log.getLogger(__name__)

Subscribed = tuple[set[str], set[str]]  # the tables of before and of now

# What each green thread that inserts has put off.
inserting: dict[Any, list[Subscribed]] = {}


def arm() -> None:
    insert, update = DseRuntime.persistent_insert_rules, DseRuntime.update_table_subscriptions
    register = PolicyRuleSynchronizer._register_datasource_with_pe  # noqa: SLF001  no public way around it

    def insert_then_ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        here = eventlet.getcurrent()
        inserting[here] = []
        try:
            return insert(self, *args, **kwargs)
        finally:
            ask(self, inserting.pop(here))

    def ask(self: Any, put_off: list[Subscribed]) -> None:
        if not put_off:
            return
        before, after = put_off[0][0], put_off[-1][1]
        try:
            update(self, before, after & self.tablenames(body_only=True))  # less what is deleted meanwhile
        except Exception:
            LOG.exception("not all tables of a new rule are there yet")

    def update_or_put_off(self: Any, before: set[str], after: set[str]) -> None:
        put_off = inserting.get(eventlet.getcurrent())
        if put_off is None:
            update(self, before, after)
        else:
            put_off.append((before, after))

    def register_or_leave(self: Any, name: str) -> None:
        """A rule for a datasource's own policy is refused; the next round makes that policy known."""
        if eventlet.getcurrent() not in inserting:
            register(self, name)

    DseRuntime.persistent_insert_rules = insert_then_ask
    DseRuntime.update_table_subscriptions = update_or_put_off
    PolicyRuleSynchronizer._register_datasource_with_pe = register_or_leave  # noqa: SLF001
