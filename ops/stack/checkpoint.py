"""The part of Pulumi's state that the recovery after an interrupted run compares with the cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from components.preflight.scope import Scope
from components.preflight.state import SERVER, Pending, State


@dataclass(frozen=True)
class Checkpoint:
    """`written`: time of the last write of the state; `ids`: all resource ids in it.

    `excluded`: URNs in the state that the next run handles itself. `servers`: id -> name in the cloud, without excluded
    servers and those that Pulumi has marked as deleted. `deleting`: ids of servers whose deletion has begun.
    `protected`: ids of servers that Pulumi refuses to delete. `scope`: project and region of the stack.
    """

    written: datetime
    ids: frozenset[str]
    excluded: frozenset[str]
    servers: Mapping[str, str]
    pending: tuple[Pending, ...]
    deleting: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    scope: Scope | None = None

    @classmethod
    def of(cls, state: State, excluded: frozenset[str] = frozenset()) -> Self:
        servers = [one for one in state.everything if one.type == SERVER and one.urn not in excluded]
        deleted = {pending.urn for pending in state.pending if pending.operation == "deleting"}
        return cls(
            written=state.written,
            ids=state.ids,
            excluded=frozenset(one.urn for one in state.everything) & excluded,
            servers={one.id: one.inputs["name"] for one in servers if not (one.retired or one.replaced)},
            pending=state.pending,
            deleting=frozenset(one.id for one in servers if one.urn in deleted),
            protected=frozenset(one.id for one in servers if one.protected),
            scope=state.scope,
        )

    @property
    def empty(self) -> bool:
        """Whether the state contains nothing that exists in a cloud."""
        return not (self.pending or self.servers or self.scope)
