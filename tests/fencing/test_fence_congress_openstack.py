"""Runs the fence agent as Pacemaker's fencer does, with a small cloud over real HTTP."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.fencing.conftest import Fence
from tests.fencing.support.fake_cloud import ONE, TWO, Cloud, Server


def test_metadata_says_what_pacemaker_asks_for(fence: Fence) -> None:
    root = ET.fromstring(fence("metadata").out)  # noqa: S314 (our own text)
    assert root.attrib["name"] == "fence_congress_openstack"
    # Pacemaker passes the server as `plug` because of the metadata, and never turns a server on by itself.
    assert {p.attrib["name"] for p in root.iter("parameter")} == {
        *("action", "plug", "credentials", "resource", "witness", "delay", "isolated", "harmless")
    }
    actions = {a.attrib["name"]: a.attrib.get("automatic") for a in root.iter("action")}
    assert {"on", "off", "reboot", "status", "list", "monitor", "metadata", "validate-all"} == set(actions)
    assert actions["on"] == "0"


def test_reboot_pauses_first_and_does_not_wait_for_the_new_guest(cloud: Cloud, fence: Fence) -> None:
    cloud.ends["reboot"] = (10**6, "ACTIVE", "Success")
    done = fence("reboot", ONE)
    assert (done.status, done.out) == (0, "Success: paused, rebooting\n")
    assert cloud.actions == [(ONE, "pause"), (ONE, "reboot")]
    assert cloud.servers[ONE].status == "PAUSED"


def test_the_older_name_port_is_understood(cloud: Cloud, fence: Fence) -> None:
    assert fence("reboot", None, f"port={ONE}").status == 0
    assert cloud.actions[0] == (ONE, "pause")


def test_where_nova_does_not_pause_a_stop_is_the_proof(cloud: Cloud, fence: Fence) -> None:
    """As with a hypervisor driver without pause: nova accepts the action, and its record says Error."""
    cloud.ends["pause"] = (1, "ACTIVE", "Error")
    done = fence("reboot", ONE)
    assert (done.status, done.out) == (0, "Success: SHUTOFF, rebooting\n")
    assert cloud.actions == [(ONE, "pause"), (ONE, "os-stop"), (ONE, "reboot")]


def test_a_hard_reboot_is_no_proof_whatever_nova_says(cloud: Cloud, fence: Fence) -> None:
    """Its guest could not be destroyed: ACTIVE, and Success (nova/compute/manager.py, _reboot_instance)."""
    cloud.ends |= {"pause": (1, "ACTIVE", "Error"), "reboot": (1, "ACTIVE", "Success")}
    cloud.ends["os-stop"] = (1, "ACTIVE", "Error")
    done = fence("reboot", ONE)
    assert done.status == 1
    assert f"nova neither paused {ONE} nor stopped it, so its guest may run on" in done.error
    assert "make confirm-dead" in done.error


@pytest.mark.parametrize("status", ["SHUTOFF", "PAUSED", "SUSPENDED"])
def test_a_state_is_no_proof_while_the_hypervisor_says_that_it_runs(
    cloud: Cloud, fence: Fence, status: str
) -> None:
    """Somebody resumed it without nova. Nova then accepts only a hard reboot, and after it the pause."""
    cloud.servers[ONE] = Server(status, runs_on=True)
    assert fence("reboot", ONE).out == "Success: paused, rebooting\n"
    assert cloud.actions == [(ONE, action) for action in ("reboot", "pause", "reboot")]
    cloud.servers[ONE] = Server(status, runs_on=True)
    cloud.refused = "reboot"
    done = fence("reboot", ONE, hasty=True)
    assert done.status == 1
    assert f"it is {status}, task None, its guest runs; nova: HTTP 403" in done.error


def test_a_pause_that_hangs_is_ended_by_a_reboot_and_asked_for_again(cloud: Cloud, fence: Fence) -> None:
    """The reboot's own Success proves nothing; the pause of the new guest does."""
    cloud.ends["pause"] = (10**6, "PAUSED", "Success")
    cloud.then["reboot"] = {"pause": (1, "PAUSED", "Success")}
    done = fence("reboot", ONE, hasty=True)
    assert (done.status, done.out.lower()) == (0, "success: paused, rebooting\n")
    assert cloud.actions[:3] == [(ONE, action) for action in ("pause", "reboot", "pause")]


def test_a_server_in_error_is_stopped(cloud: Cloud, fence: Fence) -> None:
    """As after a failed reboot: nova refuses a pause, and a reboot would prove nothing."""
    cloud.servers[ONE] = Server("ERROR")
    assert fence("reboot", ONE).out == "Success: SHUTOFF, rebooting\n"
    assert cloud.actions == [(ONE, "os-stop"), (ONE, "reboot")]


@pytest.mark.parametrize("status", ["SHUTOFF", "PAUSED", "SUSPENDED"])
def test_a_server_that_cannot_run_is_only_brought_back(cloud: Cloud, fence: Fence, status: str) -> None:
    cloud.servers[ONE] = Server(status)
    assert fence("reboot", ONE).status == 0
    assert cloud.actions == [(ONE, "reboot")]


def test_a_restart_that_fails_does_not_make_it_less_fenced(cloud: Cloud, fence: Fence) -> None:
    cloud.ends["reboot"] = (0, "ACTIVE", "Success")
    cloud.refused = "reboot"
    done = fence("reboot", ONE)
    assert done.status == 0
    assert done.out.startswith("Stopped (paused), but NOT started again")
    assert "nova: HTTP 403 Policy doesn't allow reboot" in done.out
    assert "Success" not in done.out
    assert cloud.servers[ONE].status == "PAUSED"


@pytest.mark.parametrize("status", ["PAUSED", "SUSPENDED"])
def test_the_next_monitor_finishes_a_fencing_that_was_cut_off(
    cloud: Cloud, fence: Fence, status: str
) -> None:
    cloud.servers[ONE] = Server(status)
    cloud.refused = "reboot"
    assert "the monitor of this device tries it" in fence("reboot", ONE).out
    cloud.refused = ""
    assert fence("monitor").status == 0
    assert cloud.actions == [(ONE, "reboot")]
    cloud.servers[ONE] = Server(status, "rebooting_hard")
    assert fence("monitor").status == 0
    assert cloud.actions == [(ONE, "reboot")]


def test_where_a_policy_forbids_the_pause_it_is_stopped(cloud: Cloud, fence: Fence) -> None:
    cloud.refused = "pause"
    assert fence("reboot", ONE).out == "Success: SHUTOFF, rebooting\n"
    assert cloud.actions == [(ONE, "os-stop"), (ONE, "reboot")]


def test_a_stopped_one_that_does_not_start_is_left_to_the_operator(cloud: Cloud, fence: Fence) -> None:
    cloud.servers[ONE] = Server("SHUTOFF")
    cloud.refused = "reboot"
    assert "Stopped (SHUTOFF), but NOT started again: make repair starts it" in fence("reboot", ONE).out


def test_a_task_of_somebody_else_is_waited_for(cloud: Cloud, fence: Fence) -> None:
    cloud.servers[ONE] = Server("ACTIVE", "image_snapshot", (2, "ACTIVE", "Success"))
    assert fence("reboot", ONE).status == 0
    assert cloud.actions[0] == (ONE, "pause")


def test_a_dead_compute_host_is_no_success_and_gets_one_request_of_each_kind(
    cloud: Cloud, fence: Fence
) -> None:
    cloud.ends |= {"pause": (10**6, "PAUSED", "Success"), "reboot": (10**6, "ACTIVE", "Success")}
    for _ in range(2):
        done = fence("reboot", ONE, hasty=True)
        assert done.status == 1
        assert "was not stopped in time: it is ACTIVE, task " in done.error
    assert cloud.actions == [(ONE, "pause"), (ONE, "reboot")]


@pytest.mark.parametrize(("host_status", "proof"), [("DOWN", True), ("UNKNOWN", False), ("UP", False)])
def test_a_compute_host_that_was_declared_dead_is_proof_and_a_silent_one_is_not(
    cloud: Cloud, fence: Fence, host_status: str, *, proof: bool
) -> None:
    cloud.ends |= {"pause": (10**6, "PAUSED", "Success"), "reboot": (10**6, "ACTIVE", "Success")}
    cloud.servers[ONE].host_status = host_status
    done = fence("reboot", ONE, hasty=True)
    assert (done.status == 0) == proof
    assert ("declared its compute host dead" in done.out) == proof
    assert ("its compute host may be down: make status" in done.error) != proof


def test_what_nova_refuses_is_said_in_its_words(cloud: Cloud, fence: Fence) -> None:
    cloud.ends.clear()
    done = fence("reboot", ONE, hasty=True)
    assert done.status == 1
    assert "nova: HTTP 409 Cannot 'os-stop' while it is locked" in done.error


def test_a_deleted_server_counts_as_fenced_if_the_cloud_knows_the_other(cloud: Cloud, fence: Fence) -> None:
    del cloud.servers[ONE]
    assert fence("reboot", ONE).out == "Success: the cloud has deleted the server\n"
    assert fence("status", ONE).status == 2
    del cloud.servers[TWO]
    done = fence("reboot", ONE)
    assert done.status == 1
    assert "knows neither" in done.error


def test_passing_faults_of_the_services_are_tried_again(cloud: Cloud, fence: Fence) -> None:
    cloud.faults = [503, 500, 429]
    assert fence("reboot", ONE).status == 0
    assert cloud.faults == []


def test_lasting_faults_end_at_the_deadline(cloud: Cloud, fence: Fence) -> None:
    cloud.faults = [503] * 1000
    done = fence("reboot", ONE, hasty=True)
    assert done.status == 1
    assert "no success with POST" in done.error
    assert "HTTP 503 not now" in done.error
    assert cloud.actions == []


def test_status_tells_on_from_off(cloud: Cloud, fence: Fence) -> None:
    assert fence("status", ONE).status == 0
    cloud.servers[ONE] = Server("SHUTOFF")
    assert (fence("status", ONE).status, fence("status", ONE).out) == (2, "Status: OFF\n")


def test_off_and_on_wait_for_their_end(cloud: Cloud, fence: Fence) -> None:
    assert fence("off", ONE).status == 0
    assert cloud.servers[ONE].status == "SHUTOFF"
    assert fence("on", ONE).status == 0
    assert cloud.servers[ONE].status == "ACTIVE"
    assert cloud.actions == [(ONE, "os-stop"), (ONE, "os-start")]


def test_an_unknown_action_is_refused(fence: Fence) -> None:
    assert fence("destroy", ONE).status == 1
