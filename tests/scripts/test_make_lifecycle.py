"""`make up`, `make down` and `make lab-purge`: what they run, and what they keep."""

from __future__ import annotations

import re
from pathlib import Path

from tests.scripts.support.checkout import Checkout


def test_up_of_another_stack_is_just_the_program(checkout: Checkout) -> None:
    done = checkout.run("make", "up", "STACK=prod")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^== (\w+): (?!done)", done.stdout, re.MULTILINE) == ["venv", "toolchain", "program"]
    assert "Congress is up: https://192.0.2.10:1789\n" in done.stdout
    assert "\n  curl -s --cacert .state/prod/ca.pem https://192.0.2.10:1789/v1/policies\n" in done.stdout
    assert (checkout.root / ".state/prod/ca.pem").read_text() == "AUTHORITY\n"
    assert "\n  make status STACK=prod\n" in done.stdout
    assert "make ssh STACK=prod HOST=engine-1" in done.stdout
    export, up, output = checkout.calls()
    assert export["args"] == ["stack", "export", "--non-interactive"]
    assert up["args"] == ["up", "--yes", "--skip-preview", "--non-interactive"]
    assert output["args"] == ["stack", "output", "--json"]


def test_a_failing_stage_is_named_with_its_log_and_stops_the_rest(checkout: Checkout) -> None:
    checkout.script("lab/up", "echo no root; exit 1")
    done = checkout.run("make", "up")
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("up: ")]
    assert re.fullmatch(r"up: stage lab failed after \d+ s; log: \.state/up-lab\.log; try: make lab-up", line)
    assert (checkout.root / ".state/up-lab.log").read_text() == "no root\n"
    assert checkout.calls() == []


def test_down_without_a_deployment_says_so(checkout: Checkout) -> None:
    done = checkout.run("make", "down")
    assert (done.returncode, done.stdout) == (0, "down: nothing is deployed on stack dev\n")


def test_down_of_another_stack_keeps_its_configuration(checkout: Checkout) -> None:
    done = checkout.run("make", "down", "STACK=prod")
    assert done.returncode == 0, done.stderr
    _, destroy, remove = (call["args"] for call in checkout.calls())
    # Without a preview, Pulumi removes everything else before it refuses to remove a protected server.
    assert destroy == ["destroy", "--yes", "--non-interactive"]
    assert remove == ["stack", "rm", "--yes", "--preserve-config", "--non-interactive"]


def test_a_destroy_that_fails_keeps_the_stack(checkout: Checkout) -> None:
    done = checkout.run("make", "down", "STACK=prod", FAIL_ON="destroy")
    assert done.returncode != 0
    assert [call["args"][0] for call in checkout.calls()] == ["stack", "destroy"]


def test_leftovers_in_the_cloud_keep_the_stack(checkout: Checkout) -> None:
    done = checkout.run("make", "down", "STACK=prod", LEFT="leftovers: server congress-prod-bastion")
    assert done.returncode != 0
    assert (
        "leftovers: server congress-prod-bastion\ndown: the stack stays because of these leftovers"
        in done.stderr
    )
    assert [call["args"][0] for call in checkout.calls()] == ["stack", "destroy"]


def test_purging_the_lab_removes_the_state_of_dev(checkout: Checkout) -> None:
    checkout.deploy()
    done = checkout.run("make", "lab-purge")
    assert done.stdout == "lab purged\n", done.stderr
    assert list((checkout.root / ".state").iterdir()) == []


def test_a_purge_of_another_lab_keeps_stack_dev(checkout: Checkout, tmp_path: Path) -> None:
    checkout.deploy()
    state, second = checkout.root / ".state/pulumi", tmp_path / "second"
    done = checkout.run("make", "lab-purge", LAB_STATE=str(second))
    assert done.returncode != 0
    message = f"there is no lab in LAB_STATE={second}, and stack dev is on {checkout.lab_state}: nothing was removed."
    assert message in done.stderr
    assert "lab purged" not in done.stdout
    second.mkdir()
    done = checkout.run("make", "lab-purge", LAB_STATE=str(second))
    assert (
        done.stdout
        == f"lab purged\nlab-purge: stack dev is on the lab of {checkout.lab_state}, so .state stays\n"
    )
    assert state.exists()


def test_an_older_stack_requires_its_lab(checkout: Checkout) -> None:
    """There is no record of its lab."""
    checkout.deploy()
    (checkout.root / ".state/pulumi/lab-of-dev").unlink()
    done = checkout.run("make", "lab-purge", LAB_STATE="/nowhere")
    assert done.returncode != 0
    assert "stack dev is on another lab: nothing was removed" in done.stderr
    checkout.lab_state.mkdir(exist_ok=True)
    assert checkout.run("make", "lab-purge").stdout == "lab purged\n"
    assert not (checkout.root / ".state/pulumi").exists()


def test_a_lab_that_cannot_be_purged_keeps_the_stack(checkout: Checkout) -> None:
    checkout.deploy()
    checkout.script("lab/purge", "exit 1")
    assert checkout.run("make", "lab-purge").returncode != 0
    assert (checkout.root / ".state/passphrase").exists()
