"""Let an engine hold no lock while it requests something from a datasource over the bus.

Inserting a rule. Upstream inserts a rule under WRITE locks on `policies`, `policy_rules` and `datasources` of the whole
deployment. Under these locks, it requests the tables that the rule names from the datasources, for up to 20 s each.
While a datasource node hangs, nobody can read a policy, and `/health` of every engine fails. Here, the locks are
released first. The client that inserts waits for the answers, as in upstream. Without an answer, the rule is inserted
all the same, and patches.subscriptions repeats the request. Other clients and engines may change rules meanwhile, so
the engine then subscribes to the tables that rules name at that moment; upstream uses the difference before and after.
Whether a change of rules changes any subscription is seen from the policies that it concerns, and from what the engine
is subscribed to. Upstream lists the tables of all rules of all policies, before and after each change.

Synchronisation. The synchronisations of rules and of policies hold locks of the engine, which each insert needs as
well, and run in one green thread. Under these locks, upstream requests the tables of rules that other engines
inserted, and the schemas of new datasources. One request without an answer ends the round for all later datasources.
Here, nothing waits for the tables, and no lock is held while something waits for a schema: the synchronisation waits
for MOMENT, because rules may name columns; a starting engine waits longer; the request that created the datasource
waits until the end. A schema that does not arrive is requested at the next synchronisation. Until then, wsgi.health
reports a starting engine as loading.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import eventlet
from congress.datalog.compile import Rule
from congress.policy_engines.agnostic import DseRuntime, Runtime
from congress.synchronizer.policy_rule_synchronizer import PolicyRuleSynchronizer
from eventlet.greenthread import GreenThread
from futurist import periodics
from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)

# Seconds to wait for schemas: in each synchronisation, and in a starting engine, which serves nobody yet. A request to
# a datasource that hangs lasts a minute.
MOMENT, AT_START = 1.0, 5.0


@dataclass
class Insertion:
    """`changed`: whether the tables that rules name have changed meanwhile. `names`: tables in the inserted rules."""

    changed: bool = False
    names: set[str] = field(default_factory=set)


# Green thread -> what it inserts.
inserting: dict[Any, Insertion] = {}
# Datasource -> the green thread that requests its schema.
registering: dict[str, GreenThread] = {}


def named_in(policies: Mapping[str, Any], targets: set[Any]) -> set[str]:
    """Each table in a body of a rule of these policies; of all, if one of them is not known."""
    unknown = targets - policies.keys()
    named = policies.keys() if unknown else targets
    return {table for name in named for table in policies[name].tablenames(body_only=True)}


def update_then_compare(self: Any, events: Any, persistent: bool = False) -> Any:  # noqa: FBT001, FBT002
    targets = {event.target for event in events}
    before = named_in(self.theory, targets)
    answer = Runtime.process_policy_update(self, events, persistent=persistent)
    self.update_table_subscriptions(before, named_in(self.theory, targets))
    insertion = inserting.get(eventlet.getcurrent())
    if insertion is not None and persistent:
        # A fact is a Literal, which has no body.
        rules = (event.formula for event in events if isinstance(event.formula, Rule))
        insertion.names.update(name for rule in rules for name in rule.tablenames(body_only=True))
    return answer


def apply() -> None:
    apply_to_rules()
    apply_to_schemas()


def apply_to_rules() -> None:
    insert = DseRuntime.persistent_insert_rules

    def insert_then_subscribe(self: Any, policy_name: str, rules: Any, *args: Any, **kwargs: Any) -> Any:
        thread = eventlet.getcurrent()
        insertion = inserting[thread] = Insertion()
        try:
            answer = insert(self, policy_name, rules, *args, **kwargs)
        except Exception:
            if inserting.pop(thread).changed:
                try:
                    self.subscriptions.follow_rules(wait=True)
                except Exception:  # the client gets the reason why its rule was refused
                    LOG.exception("the engine could not subscribe to the tables that rules name")
            raise
        finally:
            inserting.pop(thread, None)
        if insertion.changed:
            self.subscriptions.follow_rules(wait=True)
        # Another client's insertion may be requesting them at the moment.
        self.subscriptions.wait_for(insertion.names)
        return answer

    def subscribe_or_defer(self: Any, before: set[Any], after: set[Any]) -> None:
        if before == after or not self.subscriptions.concerned(before, after):
            return
        thread = eventlet.getcurrent()
        if thread in inserting:
            inserting[thread].changed = True
        else:
            self.subscriptions.follow_rules(wait=False)

    DseRuntime.persistent_insert_rules = insert_then_subscribe
    DseRuntime.process_policy_update = update_then_compare
    DseRuntime.update_table_subscriptions = subscribe_or_defer


def apply_to_schemas() -> None:
    register = PolicyRuleSynchronizer._register_datasource_with_pe  # noqa: SLF001  no public way around it
    load = DseRuntime.persistent_load_policies
    sync_all, sync_one = (
        PolicyRuleSynchronizer.synchronize_all_policies,
        PolicyRuleSynchronizer.sync_one_policy,
    )

    def start_registration(self: Any, name: str) -> None:
        # During an insert, a rule of a datasource's own policy is refused; the next round registers that policy.
        if eventlet.getcurrent() not in inserting and name not in registering:
            registering[name] = eventlet.spawn(attempt, self, name)

    def attempt(self: Any, name: str) -> Exception | None:
        try:
            register(self, name)
        except Exception as error:  # noqa: BLE001  an error must not affect other datasources
            LOG.info("the schema of %s did not arrive or cannot be used: %s", name, error)
            return error
        finally:
            del registering[name]
        return None

    @periodics.periodic(spacing=cfg.CONF.datasource_sync_period)  # type: ignore[untyped-decorator]
    def synchronize_then_wait(self: Any) -> None:
        sync_all(self)
        wait_for_schemas(MOMENT)

    def load_then_wait(self: Any) -> None:
        load(self)
        wait_for_schemas(AT_START)

    def sync_one_then_wait(self: Any, name: str, *args: Any, **kwargs: Any) -> None:
        sync_one(self, name, *args, **kwargs)
        registration = registering.get(name)
        error = None if registration is None else registration.wait()
        if error:
            raise error

    DseRuntime.persistent_load_policies = load_then_wait
    PolicyRuleSynchronizer._register_datasource_with_pe = start_registration  # noqa: SLF001
    PolicyRuleSynchronizer.synchronize_all_policies = synchronize_then_wait
    PolicyRuleSynchronizer.sync_one_policy = sync_one_then_wait


def wait_for_schemas(seconds: float) -> None:
    with eventlet.Timeout(seconds, exception=False):
        for registration in list(registering.values()):
            registration.wait()
