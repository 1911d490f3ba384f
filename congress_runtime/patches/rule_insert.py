"""Let an engine hold no lock while it asks a datasource over the bus.

A rule is inserted under WRITE locks on `policies`, `policy_rules` and `datasources`, the whole deployment's. Under them
upstream asks datasources for the tables that the rule names, for up to 20 s each: while a datasource node hangs, nobody
reads a policy, and `/health` says so of every engine. Here the locks are given back first. Until the answers are there
the inserting client waits, as before; without them his rule is inserted all the same, and patches.subscriptions asks
again. Other clients and engines insert and delete meanwhile, so the engine then subscribes to what rules name at that
moment; upstream takes the difference of before and after.

The synchronisations of rules and of policies hold locks of the engine, which each insert takes as well, and run in one
green thread. Under them upstream asks for the tables of rules that other engines inserted, and for the schemas of new
datasources; one that is not answered ends the round for all datasources after it. Here nobody waits for the tables,
and a schema is waited for without a lock: for a moment by the synchronisation, because rules may name columns, for
longer by an engine that starts, and to the end by whoever made the datasource. A schema that is not told is asked for
at the next synchronisation, and wsgi.health says of an engine that starts that it is loading until then.
"""

from typing import Any

import eventlet
from congress.policy_engines.agnostic import DseRuntime
from congress.synchronizer.policy_rule_synchronizer import PolicyRuleSynchronizer
from eventlet.greenthread import GreenThread
from futurist import periodics
from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)

# Seconds to wait for schemas: in each synchronisation, and in an engine that starts, which nobody waits for yet. A
# question to a datasource that hangs lasts a minute.
MOMENT, AT_START = 1.0, 5.0

# Green threads that insert, and whether the tables that rules name became others meanwhile.
inserting: dict[Any, bool] = {}
# Datasources whose schema is being asked for.
registering: dict[str, GreenThread] = {}


def apply() -> None:
    apply_to_rules()
    apply_to_schemas()


def apply_to_rules() -> None:
    insert = DseRuntime.persistent_insert_rules

    def insert_then_ask(self: Any, *args: Any, **kwargs: Any) -> Any:
        here = eventlet.getcurrent()
        inserting[here] = False
        try:
            return insert(self, *args, **kwargs)
        finally:
            if inserting.pop(here):
                self.subscriptions.follow_rules(wait=True)

    def follow_or_put_off(self: Any, before: set[str], after: set[str]) -> None:
        if before == after:
            return
        here = eventlet.getcurrent()
        if here in inserting:
            inserting[here] = True
        else:
            self.subscriptions.follow_rules(wait=False)

    DseRuntime.persistent_insert_rules = insert_then_ask
    DseRuntime.update_table_subscriptions = follow_or_put_off


def apply_to_schemas() -> None:
    register = PolicyRuleSynchronizer._register_datasource_with_pe  # noqa: SLF001  no public way around it
    load = DseRuntime.persistent_load_policies
    every, one = PolicyRuleSynchronizer.synchronize_all_policies, PolicyRuleSynchronizer.sync_one_policy

    def begin(self: Any, name: str) -> None:
        # A rule for a datasource's own policy is refused; the next round makes that policy known.
        if eventlet.getcurrent() not in inserting and name not in registering:
            registering[name] = eventlet.spawn(attempt, self, name)

    def attempt(self: Any, name: str) -> Exception | None:
        try:
            register(self, name)
        except Exception as error:  # noqa: BLE001  whatever it is, the next one has nothing to do with it
            LOG.info("the schema of %s is not told, or cannot be used: %s", name, error)
            return error
        finally:
            del registering[name]
        return None

    @periodics.periodic(spacing=cfg.CONF.datasource_sync_period)  # type: ignore[untyped-decorator]
    def synchronize_then_wait(self: Any) -> None:
        every(self)
        wait_for_schemas(MOMENT)

    def load_then_wait(self: Any) -> None:
        load(self)
        wait_for_schemas(AT_START)

    def sync_one_then_wait(self: Any, name: str, *args: Any, **kwargs: Any) -> None:
        one(self, name, *args, **kwargs)
        asked = registering.get(name)
        error = None if asked is None else asked.wait()
        if error:
            raise error

    DseRuntime.persistent_load_policies = load_then_wait
    PolicyRuleSynchronizer._register_datasource_with_pe = begin  # noqa: SLF001
    PolicyRuleSynchronizer.synchronize_all_policies = synchronize_then_wait
    PolicyRuleSynchronizer.sync_one_policy = sync_one_then_wait


def wait_for_schemas(seconds: float) -> None:
    with eventlet.Timeout(seconds, exception=False):
        for asked in list(registering.values()):
            asked.wait()
