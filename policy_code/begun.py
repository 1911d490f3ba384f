"""The declarations that `up` began to apply since one was applied last.

An `up` that fails leaves a part of its declaration in Congress, while Pulumi's state has the former one. So the next
`up` also shows, and is allowed, what undoes the declarations of those that failed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policy_code.plan import NOTHING, Declaration, lines, plan


def digest(declared: Declaration) -> str:
    """Changes with any change of it."""
    return hashlib.sha256(json.dumps(stored(declared)).encode()).hexdigest()[:16]


def stored(value: Any) -> Any:
    """As Pulumi's state gives it: with sorted keys, and without those whose value is None."""
    if isinstance(value, Mapping):
        return {key: stored(value[key]) for key in sorted(value) if value[key] is not None}
    return value


@dataclass(frozen=True)
class Begun:
    """`digests`: of the declarations; the last one is that of the last `up`. `finished`: that `up` applied it.

    `declarations`: empty while they are encrypted.
    """

    digests: Sequence[str] = ()
    declarations: Sequence[Declaration] = ()
    finished: bool = True

    @property
    def encrypted(self) -> bool:
        """Whether a part is needed that is encrypted."""
        return not self.declarations and len(self.digests) > (1 if self.finished else 0)

    @property
    def unfinished(self) -> Sequence[Declaration]:
        """What may be in Congress in part."""
        return () if self.finished else self.declarations

    def then(self, new: Declaration) -> list[Declaration]:
        """The declarations with `new` as the last one. The same ones if nothing changes, so that nothing seems to."""
        if self.finished and [*self.digests[-1:]] == [digest(new)]:
            return [*map(stored, self.declarations[:-1]), stored(new)]
        return [*(stored(one) for one in self.unfinished if digest(one) != digest(new)), stored(new)]


NOTHING_BEGUN = Begun()


def changes(applied: Declaration | None, begun: Begun, new: Declaration) -> Iterator[str]:
    """What `up` will do, in its order, and then what it will do as well if those that failed have come so far."""
    old = applied or NOTHING
    shown = plan(old, new)
    if shown:
        count = "one change" if len(shown) == 1 else f"{len(shown)} changes, in this order"
        some = "" if begun.finished else "; the last `up` did not finish, so some may be there already"
        yield f"policies: {count}{some}:"
        yield from lines(old, new)
    undone = []
    for former in begun.unfinished:
        actions = [action for action in plan(former, new) if action not in shown]
        shown += actions
        undone += lines(former, new, actions)
    if undone:
        yield "policies: the last `up` did not finish; if it has come so far, also:"
        yield from undone
