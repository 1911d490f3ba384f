"""Let an engine take in a change without waiting for what the change triggers.

An action that a rule executes, and a policy's table that somebody subscribes to, are found out by evaluating the table
before and after each change of what it depends on. Upstream does so within the change: with many rows nobody gets an
answer meanwhile, and when a rule is inserted the tables of the database stay locked for all engines. Here both
questions are put at the time of the change, with the rows of that time, and answered afterwards, one after another,
with pauses. Changes that come before it is a table's turn become one. A table that takes longer than the limit is
named in the log; its actions are not executed for this change, and the change itself is taken in.

Upstream also executes the action of another table when there are several: all triggers that are made at once know the
name of the last table alone. Here the name comes with the rows.
"""

from __future__ import annotations

from typing import Any

import eventlet
from congress.exception import PolicyRuntimeException
from congress.policy_engines.agnostic import DseRuntime
from congress_runtime.patches.evaluation import Question, instances
from congress_runtime.patches.evaluation_plan import Unplanned
from oslo_log import log

LOG = log.getLogger(__name__)

Key = tuple[str, str, str | None]

upstream_execute = DseRuntime._execute_table  # noqa: SLF001
upstream_publish = DseRuntime.pub_policy_result


class Contents:
    """What a table holds at this moment; found out when it is asked for."""

    def __init__(self, runtime: Any, key: Key) -> None:
        table, policy, modal = self.key = key
        self.rows: set[Any] = set()
        self.questions = []
        self.error: PolicyRuntimeException | None = None
        theory = runtime.get_target(policy)
        for query in map(runtime.parse1, runtime.table_contents_queries(table, policy, modal) or ()):
            try:
                question = Question(theory, query.arguments, [query], pauses=True)
                self.questions.append((query, question))
            except Unplanned:
                try:
                    self.rows |= set(theory.select(query))
                except PolicyRuntimeException as error:  # it took too long, and the change is not to blame
                    self.error = error

    def found(self) -> set[Any]:
        if self.error:
            raise self.error
        while self.questions:
            query, question = self.questions.pop()
            for instance in instances(query, question.answers()):
                self.rows.add(instance)
        return self.rows

    def release(self) -> None:
        """Let go of the rows that it has not looked at."""
        for _, question in self.questions:
            question.planner.release()
        self.questions.clear()


class Triggers:
    """What is to be done for an engine, in the order of the changes."""

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self.waiting: dict[tuple[Any, Key], tuple[Contents, Contents]] = {}
        self.works = False

    def add(self, act: Any, old: Contents, new: Contents) -> None:
        before = self.waiting.get((act, new.key))
        self.waiting[act, new.key] = (before[0] if before else old, new)
        if before:
            old.release()
            before[1].release()
        if not self.works:
            self.works = True
            eventlet.spawn_n(self.work)

    def work(self) -> None:
        try:
            while self.waiting:
                act, key = name = next(iter(self.waiting))
                old, new = self.waiting.pop(name)
                try:
                    rows, now = old.found(), new.found()
                    if rows != now:
                        act(self.runtime, key, rows, now)
                except PolicyRuntimeException as error:
                    LOG.error("what a change of %s:%s triggers is not done: %s", key[1], key[0], error)  # noqa: TRY400
                except Exception:
                    LOG.exception("what a change of %s:%s triggers is not done", key[1], key[0])
                finally:
                    old.release()
                    new.release()
        finally:
            self.works = False


def execute(runtime: Any, key: Key, old: set[Any], new: set[Any]) -> None:
    upstream_execute(runtime, key[1], key[0], old, new)


def publish(runtime: Any, key: Key, old: set[Any], new: set[Any]) -> None:
    if key in runtime.policySubData:  # not if its last subscriber has gone meanwhile
        upstream_publish(runtime, key, old, new)


def of(runtime: Any) -> Triggers:
    if "triggers" not in vars(runtime):
        runtime.triggers = Triggers(runtime)
    return runtime.triggers  # type: ignore[no-any-return]


def apply() -> None:
    def contents(self: Any, keys: Any) -> dict[Key, Contents]:
        return {key: Contents(self, key) for key in keys}

    def execute_later(self: Any, _theory: str, _table: str, old: Contents, new: Contents) -> None:
        of(self).add(execute, old, new)

    def publish_later(self: Any, _key: Key, old: Contents, new: Contents) -> None:
        of(self).add(publish, old, new)

    # Two contents are never equal before they are found out, so that upstream calls back for each change.
    DseRuntime._compute_table_contents = contents  # noqa: SLF001
    DseRuntime._execute_table = execute_later  # noqa: SLF001
    DseRuntime.pub_policy_result = publish_later
