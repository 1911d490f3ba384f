"""Findings about the engines and their datasources. Sends no requests."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from ops.health.facts import Facts, Unseen
from ops.health.finding import Finding, note, unanswered, wrong
from ops.health.roles.database import DatabaseHealth
from ops.health.roles.policy_engine.engine import DatasourceView, EngineState, EngineView

if TYPE_CHECKING:
    from ops.health.roles.policy_engine import PolicyEngineHealth

# Seconds that an engine's synchronisation may take in addition to its period.
SLACK = 2
# An engine that uses at least this share of a core counts as busy. It is single-threaded, so it uses at most 1, and
# less if other processes on its host or compute host need the processor.
BUSY = 0.5
# Tables that are named in a finding.
NAMED = 5
# Rows of one datasource: neutronv2 of a simulated cloud of 10,000 servers (docs/figures.md, On the lab).
MANY_ROWS = 200_000
# Congress's API cannot: docs/recover.md, An engine that is busy.
ENABLE = "on database: sudo mariadb congress -e \"UPDATE datasources SET enabled = 1 WHERE name = '{}'\""


def engines(health: PolicyEngineHealth, facts: Facts) -> Iterator[Finding]:
    for node_id, engine in health.engines.items():
        yield from _engine(node_id, engine)
    views = {
        node_id: engine.view
        for node_id, engine in health.engines.items()
        if isinstance(engine.view, EngineView) and engine.view.policies is not None
    }
    database = facts[DatabaseHealth].database
    changed = database.changed if not isinstance(database, Unseen) else None
    for node_id, view in views.items():
        yield from _incomplete(node_id, view)
        for lacks in _out_of_sync(view, views):
            what = f"{node_id} is not in sync: {lacks}"
            restart = (
                f"on {health.engines[node_id].host}: sudo systemctl restart congress-policy-engine@{node_id}"
            )
            if changed is not None and changed <= view.sync_period + SLACK:
                yield note("engines", f"{what}, {changed} s after a change", "none needed: at the next sync")
            else:
                yield wrong("engines", what, restart)
    yield from _datasources(views)


def _engine(node_id: str, engine: EngineState) -> Iterator[Finding]:
    unit = f"congress-policy-engine@{node_id}"
    log = f"on {engine.host}: sudo journalctl -u {unit} -n 50"
    if isinstance(engine.unit, tuple) and engine.unit[0] != "active":
        state = " ".join(engine.unit)
        yield wrong("engines", f"{node_id} does not run ({state})", f"{log}; sudo systemctl start {unit}")
    elif isinstance(engine.view, Unseen) and not engine.view.explained and (engine.cpu or 0) >= BUSY:
        what = f"{node_id} is busy: no answer to GET /health in time, and its process uses {engine.cpu:.0%} of a core"
        way_out = (
            "it receives rows or evaluates a policy; if it stays busy, a table is too large: disable its datasource, "
            "as in docs/recover.md, An engine that is busy"
        )
        yield wrong("engines", what, way_out)
    elif isinstance(engine.view, Unseen):
        way_out = f"it is busy, or it hangs and is killed after two minutes: {log}"
        yield from unanswered("engines", engine.view, f"{node_id} does not answer GET /health", way_out)
    elif engine.view.code != HTTPStatus.OK:
        way_out = f"check database and bus first, then {log}"
        yield wrong("engines", f"{node_id} answers {engine.view.code} to GET /health", way_out)
    elif engine.view.listed not in {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED}:
        yield wrong("engines", f"{node_id} answers {engine.view.listed} to GET /v1/policies", log)
    elif engine.view.loading:
        what = f"{node_id} is {engine.view.loading} since its start and gets few requests until that is done"
        yield note("engines", what, "none needed: it takes a minute at most")
    elif engine.view.lag and (behind := engine.view.lag.behind):
        count = f"{len(behind)} table{'' if len(behind) == 1 else 's'}"
        way_out = (
            f"none needed: it requests them itself; if that does not help: {log}, and the datasource's status"
        )
        yield note("engines", f"{node_id} is {count} behind: {', '.join(behind[:NAMED])}", way_out)


def _out_of_sync(view: EngineView, views: dict[str, EngineView]) -> Iterator[str]:
    """What an engine's memory lacks compared with the database and with the other engines."""
    for name, policy in (view.policies or {}).items():
        if not policy.present:
            yield f"it does not know policy {name}"
        elif policy.missing:
            yield f"it lacks {len(policy.missing)} rules of policy {name}, first: {policy.missing[0]}"
        elif policy.complete:
            union = {t for v in views.values() if (p := (v.policies or {}).get(name)) for t in p.tables}
            if absent := sorted(union - set(policy.tables)):
                yield f"policy {name} has no table {absent[0]} there, but at another engine"
    for name, datasource in (view.datasources or {}).items():
        if datasource.enabled and not datasource.present:
            yield f"it does not know datasource {name}"


def _incomplete(node_id: str, view: EngineView) -> Iterator[Finding]:
    """What an engine that answers did not answer completely."""
    if late := [name for name, policy in (view.policies or {}).items() if not policy.complete]:
        what = (
            f"{node_id} reported only a part of policy {late[0]} in time, so whether it is in sync is unknown"
        )
        yield note("engines", what, "run it again when the engine has less to do")
    if view.datasources is None:
        way_out = "compare /etc/congress/keys/aes_key on all Congress hosts: sudo sha256sum; then: make up"
        yield wrong("engines", f"{node_id} cannot list its datasources", way_out)


def _datasources(views: dict[str, EngineView]) -> Iterator[Finding]:
    """Findings about each datasource, once for all engines, or with the name of the engine."""
    by_engine: dict[str, dict[str, DatasourceView]] = {}
    for node_id, view in views.items():
        for name, datasource in (view.datasources or {}).items():
            by_engine.setdefault(name, {})[node_id] = datasource
    for name, at in by_engine.items():
        if not all(datasource.enabled for datasource in at.values()):
            yield note(
                "engines",
                f"datasource {name} is disabled: it is not polled, and rules find no rows",
                ENABLE.format(name),
            )
            continue
        if errors := [datasource.last_error for datasource in at.values() if datasource.last_error]:
            way_out = (
                "repair its cloud, it is polled again by itself; or its configuration: delete and create it"
            )
            yield wrong("engines", f"datasource {name} does not update: {errors[0][:160]}", way_out)
        if (most := max(datasource.rows or 0 for datasource in at.values())) > MANY_ROWS:
            what = f"datasource {name} has {most:,} rows; up to {MANY_ROWS:,} were measured"
            yield note(
                "engines", what, "look at the memory of its nodes: docs/recover.md, An engine that is busy"
            )
        if dead := [node_id for node_id, datasource in at.items() if datasource.code != HTTPStatus.OK]:
            what = f"no status of datasource {name} through {', '.join(dead)}"
            yield wrong(
                "engines", what, "check datasource node and bus; a node that moved needs a few seconds"
            )
