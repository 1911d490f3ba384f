"""What the state knows of the cloud, for the comparison after an interrupted run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from components.preflight.scope import Scope
from components.preflight.state import SERVER, Pending, State


@dataclass(frozen=True)
class Checkpoint:
    """`written`: when the state was stored last; `known`: every id in it; `spared`: URNs in it, left to the next run.
    `servers`: id -> name in the cloud, but for spared ones and those of which Pulumi says that they are deleted.
    `leaving`: ids of those whose deletion was begun; `protected`: of those that Pulumi would not delete; `scope`: where
    the stack is.
    """

    written: datetime
    known: frozenset[str]
    spared: frozenset[str]
    servers: Mapping[str, str]
    pending: tuple[Pending, ...]
    leaving: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    scope: Scope | None = None

    @classmethod
    def of(cls, state: State, spared: frozenset[str] = frozenset()) -> Self:
        servers = [one for one in state.everything if one.type == SERVER and one.urn not in spared]
        deleted = {pending.urn for pending in state.pending if pending.operation == "deleting"}
        return cls(
            written=state.written,
            known=frozenset(one.id for one in state.everything if one.id),
            spared=frozenset(one.urn for one in state.everything) & spared,
            servers={one.id: one.inputs["name"] for one in servers if not (one.retired or one.replaced)},
            pending=state.pending,
            leaving=frozenset(one.id for one in servers if one.urn in deleted),
            protected=frozenset(one.id for one in servers if one.protected),
            scope=state.scope,
        )

    @property
    def empty(self) -> bool:
        """Nothing in it is of a cloud."""
        return not (self.pending or self.servers or self.scope)
