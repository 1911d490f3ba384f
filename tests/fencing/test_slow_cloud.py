"""Both hosts fence each other in a slow cloud: exactly one is paused, and it is not the host that runs the node.

Two agents run at the same time, as on two hosts; the agent whose server is paused stops at that moment, like its host.
All times are divided by eight, so that a cloud with 15 seconds per answer is tested in a few seconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fencing.conftest import AGENT, write
from tests.fencing.support.fake_cloud import GROUP, ONE, PROBE_GROUP, SECRET, TWO, Cloud

SCALE = 1 / 8
# Nova pauses within two seconds; a host that must first become Pacemaker's DC requests it later.
PAUSES, ELECTION = 2.0, 5.0
HOST = """
import platform, sys
sys.path.insert(0, {folder!r})
platform.node = lambda: {host!r}
import fence_congress_openstack as agent, fence_congress_cloud as cloud, fence_congress_split as split
import fence_congress_power as power, fence_congress_fabric as fabric
agent.LIMITS = {{action: limit * {scale} for action, limit in agent.LIMITS.items()}}
for module, names in (
    (agent, ["NOVA_LIMIT", "HARMLESS_LIMIT"]),
    (power, ["PAUSE_LIMIT", "RESTART_LIMIT"]),
    (fabric, ["OWN_LIMIT", "CHECK_LIMIT", "CONNECT_LIMIT", "RESERVE", "PROOF"]),
    (cloud, ["REQUEST_LIMIT", "POLL"]),
    (split, ["HOLD_LIMIT", "PAUSE"]),
):
    for name in names:
        setattr(module, name, getattr(module, name) * {scale})
sys.exit(agent.main())
"""


class Host:
    """A host of the pair that has the other one fenced; `where`: the host on which it believes the node runs."""

    def __init__(self, name: str, target: str, where: str, folder: Path, witness: str) -> None:
        crm_resource = folder / "crm_resource"
        crm_resource.write_text(f"#!/bin/sh\necho {where}\n")
        crm_resource.chmod(0o755)
        asked = ("action=reboot", f"plug={target}", f"credentials={folder}/fencing.json", "resource=ds-node")
        orders, self.output = folder / f"{name}.in", folder / f"{name}.out"
        orders.write_text("\n".join([*asked, f"witness={witness}", f"delay={10 * SCALE}", "isolated=true"]))
        code = HOST.format(folder=str(AGENT.parent), host=name, scale=SCALE)
        with orders.open() as stdin, self.output.open("w") as stdout:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                env={"PATH": f"{folder}:{os.environ['PATH']}", "NO_PROXY": "*"},
            )

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    @property
    def frozen(self) -> bool:
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(") ")[2].startswith("T")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def slow(cloud: Cloud, tmp_path: Path) -> Cloud:
    write(
        tmp_path / "fencing.json",
        auth_url=cloud.url,
        application_credential_id="the-id",
        application_credential_secret=SECRET,
        servers={"one": ONE, "two": TWO},
        region="RegionOne",
        addresses={"one": "10.0.0.1", "two": "10.0.0.2"},
        group=GROUP,
        probe_group=PROBE_GROUP,
        probed={"database": {"addresses": ["127.0.0.1"], "closed": 9, "open": 9}},
    )
    cloud.takes = PAUSES * SCALE
    return cloud


@pytest.mark.parametrize("on_dc", [True, False], ids=["node on DC", "node not on DC"])
@pytest.mark.parametrize("seconds", [6, 15])
def test_the_host_that_runs_the_node_wins(slow: Cloud, tmp_path: Path, seconds: int, *, on_dc: bool) -> None:
    slow.lag = seconds * SCALE
    hosts: dict[str, Host] = {}
    slow.ended = lambda server, status: hosts[server].freeze() if status == "PAUSED" else None
    try:
        for server, name, target in (
            ((ONE, "one", TWO), (TWO, "two", ONE)) if on_dc else ((TWO, "two", ONE), (ONE, "one", TWO))
        ):
            hosts[server] = Host(name, target, "one", tmp_path, "true")
            time.sleep(ELECTION * SCALE)
        # The slowest case: the limit of the delayed host, and then that of its action.
        status = hosts[ONE].process.wait((75 + 110 + ELECTION) * SCALE + 10)
        assert hosts[TWO].frozen
        # Its earlier requests would have been completed by then.
        time.sleep((seconds + PAUSES) * SCALE * 1.5)
        assert {server for server, _ in slow.actions} == {TWO}
        assert slow.servers[ONE].status == "ACTIVE"
        assert status == 0, hosts[ONE].output.read_text()
    finally:
        for host in hosts.values():
            host.end()
