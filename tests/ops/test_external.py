"""What the operator's commands say of services that are not the stack's: whose they are, and what to do there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.data import archive, backup
from ops.health.assessment import assess
from ops.health.facts import Facts, Unseen
from ops.health.parsing import parse_facts
from ops.health.table import rows
from ops.replacement import confirm_dead, procedure
from tests.ops.support import sample_stack as healthy
from tests.ops.support.lost_hosts import dead

PLACES = {
    "database": "db.example.org:3306/congress",
    "messaging": "mq1.example.org:5671",
    "load-balancer": "https://congress.example.org:1789",
}
STACK = replace(
    healthy.STACK,
    hosts={name: host for name, host in healthy.STACK.hosts.items() if host.role not in PLACES},
    external=PLACES,
)


def facts(endpoint: int | Unseen = 20) -> Facts:
    return parse_facts(STACK, healthy.reports(), healthy.SERVERS, endpoint)


def test_status_says_where_they_are_and_misses_nothing() -> None:
    found = assess(facts())
    assert found == assess(healthy.facts())
    shown = rows(facts(), found)
    assert shown["database"] == ("ok", "yours: db.example.org:3306/congress")
    assert shown["bus"] == ("ok", "yours: mq1.example.org:5671")
    assert shown["load balancer"] == (
        "ok",
        "yours: https://congress.example.org:1789, endpoint answers in 20 ms",
    )


def test_status_still_asks_the_endpoint() -> None:
    findings = [(finding.role, finding.what) for finding in assess(facts(Unseen("refused")))]
    assert ("load balancer", "the endpoint does not answer: refused") in findings


def test_a_lost_host_is_not_confirmed_dead_while_it_may_still_reach_them() -> None:
    refusal = confirm_dead.refusal(STACK, dead(), "datasource-2")
    assert refusal is not None
    assert "no security group closes that to datasource-2" in refusal
    assert "on datasource-1: sudo stonith_admin --confirm congress-dev-datasource-2" in refusal
    assert confirm_dead.refusal(healthy.STACK, dead(), "datasource-2") is None


@pytest.mark.parametrize("host", ["database", "messaging-2", "load-balancer"])
def test_there_is_no_host_to_replace(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(procedure, "read_outputs", dict)
    monkeypatch.setattr(procedure, "parse", lambda *_: STACK)
    with pytest.raises(
        procedure.RefusedError, match=rf"is yours \(.*\), so there is no host {host} to replace"
    ):
        procedure.Replacement("dev", host, None)


@pytest.mark.parametrize(
    ("command", "words"), [("backup", "back it up there"), ("restore", "restore it there")]
)
def test_its_backups_are_its_operator_s(
    command: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: Any) -> Any:
        return tmp_path.joinpath("opened").open("wb")

    monkeypatch.setattr(backup, "read_outputs", dict)
    monkeypatch.setattr(backup, "parse", lambda *_: STACK)
    monkeypatch.setattr(archive, "read", opened)
    monkeypatch.setattr("ops.stack.environment.require_stack", lambda: None)
    done = CliRunner().invoke(app, [command, str(tmp_path / "file")])
    assert done.exit_code == 2
    assert (
        f"{command}: the database of stack dev is yours (db.example.org:3306/congress): {words}"
        in done.output
    )
