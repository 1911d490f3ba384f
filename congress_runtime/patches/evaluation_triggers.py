"""Let an engine apply a change without waiting for the triggers of the change.

A trigger is an action that a rule executes, or the publication of a policy's table to a subscriber. It needs the
table's contents before and after each change of a table on which it depends. Upstream evaluates both within the
change. With many rows, the engine answers nobody meanwhile, and if a rule is inserted, the database's tables stay
locked for all engines.

Here, both queries are created at the time of the change, with the rows of that time. They are answered afterwards, one
after another, with pauses. Several changes before a table's turn become one. If the evaluation of a table exceeds
the limit, the log names the table. Its actions are then not executed for this change, but the change itself is applied.

Upstream also executes the action of a wrong table: all triggers that are created together use the name of the last
table. Here, each trigger keeps the name of its own table.
"""

from __future__ import annotations

from typing import Any

import eventlet
from congress.exception import PolicyRuntimeException
from congress.policy_engines.agnostic import DseRuntime
from congress_runtime.patches.evaluation import Query, instances
from congress_runtime.patches.evaluation_plan import NotPlannable
from oslo_log import log

LOG = log.getLogger(__name__)

Key = tuple[str, str, str | None]

upstream_execute = DseRuntime._execute_table  # noqa: SLF001
upstream_publish = DseRuntime.pub_policy_result


class Contents:
    """The contents of a table at the time of its creation, evaluated later by `evaluate`."""

    def __init__(self, runtime: Any, key: Key) -> None:
        table, policy, modal = self.key = key
        self.rows: set[Any] = set()
        self.queries = []
        self.error: PolicyRuntimeException | None = None
        theory = runtime.get_target(policy)
        for query in map(runtime.parse1, runtime.table_contents_queries(table, policy, modal) or ()):
            try:
                self.queries.append((query, Query(theory, query.arguments, [query], pauses=True)))
            except NotPlannable:
                try:
                    self.rows |= set(theory.select(query))
                except (
                    PolicyRuntimeException
                ) as error:  # it exceeded the limit; the change itself must not fail
                    self.error = error

    def evaluate(self) -> set[Any]:
        """The rows, as literals. Raises PolicyRuntimeException if the evaluation exceeds its limit."""
        if self.error:
            raise self.error
        while self.queries:
            literal, query = self.queries.pop()
            for instance in instances(literal, query.answers()):
                self.rows.add(instance)
        return self.rows

    def release(self) -> None:
        """Release the rows of the queries that were not evaluated."""
        for _, query in self.queries:
            query.planner.release()
        self.queries.clear()


class Triggers:
    """The triggers of an engine that wait for their evaluation, in the order of the changes."""

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self.waiting: dict[tuple[Any, Key], tuple[Contents, Contents]] = {}
        self.running = False

    def add(self, act: Any, old: Contents, new: Contents) -> None:
        before = self.waiting.get((act, new.key))
        self.waiting[act, new.key] = (before[0] if before else old, new)
        if before:
            old.release()
            before[1].release()
        if not self.running:
            self.running = True
            eventlet.spawn_n(self.run)

    def run(self) -> None:
        try:
            while self.waiting:
                act, key = name = next(iter(self.waiting))
                old, new = self.waiting.pop(name)
                try:
                    rows_before, rows_after = old.evaluate(), new.evaluate()
                    if rows_before != rows_after:
                        act(self.runtime, key, rows_before, rows_after)
                except PolicyRuntimeException as error:
                    LOG.error("a trigger of table %s:%s failed: %s", key[1], key[0], error)  # noqa: TRY400
                except Exception:
                    LOG.exception("a trigger of table %s:%s failed", key[1], key[0])
                finally:
                    old.release()
                    new.release()
        finally:
            self.running = False


def execute(runtime: Any, key: Key, old: set[Any], new: set[Any]) -> None:
    upstream_execute(runtime, key[1], key[0], old, new)


def publish(runtime: Any, key: Key, old: set[Any], new: set[Any]) -> None:
    if key in runtime.policySubData:  # the last subscriber may have unsubscribed meanwhile
        upstream_publish(runtime, key, old, new)


def triggers_of(runtime: Any) -> Triggers:
    if "triggers" not in vars(runtime):
        runtime.triggers = Triggers(runtime)
    return runtime.triggers  # type: ignore[no-any-return]


def apply() -> None:
    def contents(self: Any, keys: Any) -> dict[Key, Contents]:
        return {key: Contents(self, key) for key in keys}

    def execute_later(self: Any, _theory: str, _table: str, old: Contents, new: Contents) -> None:
        triggers_of(self).add(execute, old, new)

    def publish_later(self: Any, _key: Key, old: Contents, new: Contents) -> None:
        triggers_of(self).add(publish, old, new)

    # Two Contents objects are never equal, so upstream calls the functions above for each change.
    DseRuntime._compute_table_contents = contents  # noqa: SLF001
    DseRuntime._execute_table = execute_later  # noqa: SLF001
    DseRuntime.pub_policy_result = publish_later
