"""The probes of the pair's hosts, run with stand-ins for systemd and Pacemaker."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ops.common.limits import Limits
from ops.health.parsing import failure_reason
from ops.health.probes import health_commands
from ops.remote.runner import execute
from tests.ops.support.sample_stack import STACK


@pytest.mark.parametrize("probe", ["cluster", "constraints"])
@pytest.mark.parametrize(
    ("active", "reason"),
    [
        (["corosync", "pacemaker"], None),
        (["corosync"], "pacemaker.service is inactive"),
        ([], "corosync.service is inactive"),
    ],
)
def test_a_stopped_unit_is_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, probe: str, active: list[str], reason: str | None
) -> None:
    """Without Pacemaker its commands block, so they must not run."""
    runs = "|".join(active) or "none"
    scripts = {
        "systemctl": f"case $2 in {runs}) echo active;; *) echo inactive; exit 3;; esac",
        "crm_mon": "echo '<seen/>'" if reason is None else "sleep 100",
        "cibadmin": "echo '<seen/>'" if reason is None else "sleep 100",
    }
    for name, text in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    answer = execute(health_commands("datasource-1", STACK, Limits())[probe], 30)
    if reason is None:
        assert (answer["code"], answer["out"]) == (0, "<seen/>\n")
    else:
        assert (answer["code"], failure_reason(answer)) == (1, reason)
