"""Give each policy only its own rules when rules of several policies change together.

Upstream passes all changes of a synchronisation to each policy that one of them concerns (agnostic.py,
`_update_obj_datalog`). So an engine that starts, or learns of two policies within the same seconds, has the rules of
all of them in each of them: the table `error` of a policy has rows that no rule of this policy defines. When one of the
policies is deleted, the other policies' rules are also removed from the dependency graph. From then on, each
synchronisation of rules ends with a KeyError, and the engine learns of no further rule.
"""

from collections.abc import Iterable
from typing import Any

from congress.datalog.database import Database
from congress.datalog.materialized import MaterializedViewTheory
from congress.datalog.nonrecursive import RuleHandlingMixin


def apply() -> None:
    for theory in (Database, MaterializedViewTheory, RuleHandlingMixin):
        theory.update = with_own_events(theory.update)


def with_own_events(update: Any) -> Any:
    def update_with_own_events(self: Any, events: Iterable[Any]) -> Any:
        return update(self, [event for event in events if event.target in (None, self.name)])

    return update_with_own_events
