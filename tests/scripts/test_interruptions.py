from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

from tests.acceptance.support.disruptions import DISRUPTIONS, Run
from tests.acceptance.support.interruptions import AT_BIRTH, DESTROY, LASTS, MADE, SENSELESS, Whole, plan
from tests.support.waiting import wait_for


def test_a_seed_is_a_sequence_and_another_one_another() -> None:
    assert list(plan(1, 12)) == list(plan(1, 12))
    assert list(plan(1, 12)) != list(plan(2, 12))


def test_every_run_is_possible_where_it_stands() -> None:
    sequence = list(plan(3, 60))
    assert {planned.operation for planned in sequence} == LASTS.keys()
    assert all(planned.disruption not in SENSELESS.get(planned.operation, ()) for planned in sequence)
    assert all(0 <= planned.moment <= LASTS[planned.operation] for planned in sequence)
    assert all(
        planned.host in MADE[planned.operation] for planned in sequence if planned.disruption == AT_BIRTH
    )
    assert sequence[0].operation == DESTROY
    for before, planned in pairwise(sequence):
        assert (before.then == "destroy") == (planned.operation == "cold up")


def test_ten_interruptions_know_every_strike() -> None:
    for seed in range(20):
        assert {planned.disruption for planned in plan(seed, 10)} == DISRUPTIONS.keys()


def test_a_grown_deployment_has_a_third_of_what_belongs_to_the_second() -> None:
    small = Whole(
        Counter(
            {"Command policy-engine-1": 1, "Command policy-engine-2": 1, "Port policy-engine-host-2-port": 1}
        ),
        {
            "servers": Counter(
                {"congress-dev-policy-engine-host-2 ACTIVE": 1, "congress-dev-datasource-2 ACTIVE": 1}
            )
        },
    )
    grown = small.grown()
    assert grown.resources == small.resources + Counter(
        {"Command policy-engine-3": 1, "Port policy-engine-host-3-port": 1}
    )
    assert grown.things["servers"] == small.things["servers"] + Counter(
        {"congress-dev-policy-engine-host-3 ACTIVE": 1}
    )


def test_nothing_is_left_of_a_killed_run_but_what_others_started(tmp_path: Path) -> None:
    """As Pulumi's: the child has a process group of its own, and does not notice that its parent was killed."""
    program = tmp_path / "engine"
    program.write_text("#!/bin/bash\nset -m\nsleep 60 &\nexec -a engine sleep 61\n")
    program.chmod(0o755)
    with (
        subprocess.Popen(["sleep", "60"]) as other,
        patch("tests.acceptance.support.disruptions.PULUMI", program),
        Run.started(tmp_path / "output", "up") as running,
    ):
        wait_for("both run", 10, lambda: list(running.processes().values()) == ["sleep", "sleep"])
        (child,) = running.processes().keys() - {running.process.pid}
        assert os.getpgid(child) != running.process.pid
        running.process.kill()
        assert running.wait(10) == -signal.SIGKILL
        assert running.processes() == {child: "sleep"}
        running.end()
        assert running.processes() == {}
        assert other.poll() is None
        other.kill()


def test_only_those_of_a_runs_processes_are_killed_that_are_named(tmp_path: Path) -> None:
    with subprocess.Popen(["bash", "-c", "sleep 60 & wait"], start_new_session=True) as process:
        running = Run(process, tmp_path / "output")
        running.kill("sleep")
        assert running.wait(10) == 0
    assert "sleep" not in running.processes().values()
