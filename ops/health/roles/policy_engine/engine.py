"""What is observed of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from ops.health.facts import Unseen


@dataclass(frozen=True)
class PolicyView:
    """A policy at one engine. `present`: whether the engine has it. `missing`: rules of the database that it lacks.

    `complete`: the engine answered everything about it in time.
    """

    present: bool
    missing: tuple[str, ...]
    tables: tuple[str, ...]
    rules: int
    complete: bool


@dataclass(frozen=True)
class DatasourceView:
    """A datasource at one engine. `present`: whether the engine has it.

    `code`: HTTP status of its status, 0 without an answer in time. `rows`: in all of its tables, None if an older
    version does not report them. `age`: seconds since its last update. `enabled`: whether the
    datasource node is to run it; while it is not, no engine has it.
    """

    present: bool
    code: int
    last_error: str
    rows: int | None = None
    age: int | None = None
    enabled: bool = True


@dataclass(frozen=True)
class Lag:
    """How far an engine lags: of its `subscribed` tables, `behind` miss their datasource's last publication.

    `silent`: datasources that did not report their publications in time.
    """

    subscribed: int
    behind: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class EngineView:
    """An engine's answer to GET /health (`code`, after `ms` milliseconds), and what it has in memory.

    `listed`: HTTP status of GET /v1/policies, None if it was not requested; with 401, its memory requires a token.
    `datasources`: None if GET /v1/data-sources failed. `loading`: what it still loads after its start.
    `lag`: None if it was not reported.
    """

    code: int
    ms: int
    listed: int | None = None
    sync_period: int = 0
    policies: Mapping[str, PolicyView] | None = None
    datasources: Mapping[str, DatasourceView] | None = None
    loading: str = ""
    lag: Lag | None = None


@dataclass(frozen=True)
class EngineState:
    """`unit`: systemd's active state and substate. `restarts`: how often systemd restarted it.

    `cpu`: cores that its process used during the probes, None if that was not measured.
    """

    host: str
    unit: tuple[str, str] | Unseen
    restarts: int
    view: EngineView | Unseen
    cpu: float | None = None

    @property
    def is_serving(self) -> bool:
        """Whether the engine's unit is active and answers GET /health with 200."""
        active = isinstance(self.unit, tuple) and self.unit[0] == "active"
        return active and isinstance(self.view, EngineView) and self.view.code == HTTPStatus.OK
