"""Give each policy its own rules, when rules of several policies come at once.

Upstream hands all changes of a synchronisation to each policy that one of them is for (agnostic.py,
`_update_obj_datalog`). So an engine that starts, or learns of two policies in the same seconds, has the rules of each
of them in all of them: a policy's `error` has rows that no rule of it gives. When one of the policies is deleted, the
others' rules are taken out of the graph of dependencies as well; from then on each synchronisation of rules ends with a
KeyError, and the engine learns of no rule any more.
"""

from collections.abc import Iterable
from typing import Any

from congress.datalog.database import Database
from congress.datalog.materialized import MaterializedViewTheory
from congress.datalog.nonrecursive import RuleHandlingMixin


def apply() -> None:
    for theory in (Database, MaterializedViewTheory, RuleHandlingMixin):
        theory.update = of_its_own(theory.update)


def of_its_own(update: Any) -> Any:
    def update_of_its_own(self: Any, events: Iterable[Any]) -> Any:
        return update(self, [event for event in events if event.target in (None, self.name)])

    return update_of_its_own
