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

from policy_code.plan import NOTHING, Declaration, blocks


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
    """`attempt`: number of the `up` that began last, 0 if none did; one that changes nothing does not count.

    `digests`: of the declarations that may be in Congress in part; the last one is that of the attempt. `declarations`:
    empty while they are encrypted. `finished`: the attempt has applied its declaration. `first`: nothing was applied
    before it.
    """

    attempt: int = 0
    digests: Sequence[str] = ()
    declarations: Sequence[Declaration] = ()
    finished: bool = True
    first: bool = True

    @property
    def encrypted(self) -> bool:
        """Whether a part is needed that is encrypted."""
        return not self.declarations and len(self.digests) > (1 if self.finished else 0)

    @property
    def unfinished(self) -> Sequence[Declaration]:
        return () if self.finished else self.declarations

    def then(self, new: Declaration, applied: Declaration | None) -> Begun:
        """With `new` as the last one. Equal to this one if nothing changes, so that nothing seems to.

        `applied`: what was applied last. It comes first after a failure, because a host may have lost its record.
        """
        if self.finished and [*self.digests[-1:]] == [digest(new)]:
            ones, attempt, first = [*self.declarations[:-1], new], self.attempt, self.first
        else:
            before = [*([applied] if applied else []), *self.unfinished] if self.unfinished else []
            others = {digest(one): one for one in before if digest(one) != digest(new)}
            ones, attempt, first = [*others.values(), new], self.attempt + 1, applied is None
        return Begun(attempt, [*map(digest, ones)], [*map(stored, ones)], finished=False, first=first)


NOTHING_BEGUN = Begun()


def changes(applied: Declaration | None, begun: Begun, new: Declaration) -> Iterator[str]:
    """What `up` will do, in its order, and then what it will do as well if those that failed have come so far."""
    shown = blocks(applied or NOTHING, new)
    if shown:
        count = "one change" if len(shown) == 1 else f"{len(shown)} changes, in this order"
        some = "" if begun.finished else "; the last `up` did not finish, so this may be done in part"
        yield f"policies: {count}{some}:"
        yield from (line for block in shown for line in block)
    also: list[list[str]] = []
    for former in begun.unfinished:
        also += [block for block in blocks(former, new) if block not in [*shown, *also]]
    if also:
        yield "policies: the last `up` did not finish; what it has done of these is undone, removals first of all:"
        yield from (line for block in also for line in block)
