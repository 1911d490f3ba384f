"""Before our modules were a package, hosts got them as single files. These are removed once nothing uses them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from components.foundation.template import render

SITE = "lib/python3.11/site-packages"
FLAT = {"congress_ping.py", "congress_guard.py", "congress_compat.pth", "datasource_node_probe.py"}
NOT_OURS = {"congressclient.py", "distutils-precedence.pth"}
WITNESS = 'value="/opt/congress/bin/python -m {} /etc/congress/congress.conf 2"'


class Host:
    """Its folders; `remaining` is what the step leaves of the flat modules."""

    def __init__(self, root: Path) -> None:
        self.root, self.site, self.cib = root, root / SITE, root / "cib.xml"
        (self.site / "congress_runtime").mkdir(parents=True)
        for name in (*FLAT, *NOT_OURS, "congress_runtime/__init__.py", "congress_runtime.pth"):
            (self.site / name).touch()
        (root / "proc/1").mkdir(parents=True)
        self.runs("/opt/congress/bin/python\0/usr/local/bin/congress-server")

    def runs(self, command: str) -> None:
        (self.root / "proc/1/cmdline").write_text(command)

    def remaining(self) -> set[str]:
        script = render("congress_host/flat_modules.j2", {})
        for path, ours in (
            ("/opt/congress", self.root),
            ("/proc", self.root / "proc"),
            ("/var/lib/pacemaker/cib/cib.xml", self.cib),
        ):
            assert path in script
            script = script.replace(path, str(ours))
        subprocess.run(["bash", "-euo", "pipefail", "-c", script], timeout=20, check=True)
        modules = {file.name for file in self.site.iterdir()}
        assert modules >= {*NOT_OURS, "congress_runtime", "congress_runtime.pth"}
        return modules & FLAT


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_flat_modules_are_removed_from_a_host_that_runs_the_package(host: Host) -> None:
    host.runs(f"/opt/congress/bin/python\0-IS\0/opt/congress/{SITE}/congress_runtime/guard.py\0007")
    host.cib.write_text(WITNESS.format("congress_runtime.probes.ping"))
    assert host.remaining() == set()
    assert host.remaining() == set()


def test_flat_modules_stay_while_a_node_started_from_them_runs(host: Host) -> None:
    host.runs(f"/opt/congress/bin/python\0-IS\0/opt/congress-0a1b2c3d4e5f/{SITE}/congress_guard.py\0007")
    assert host.remaining() == FLAT


def test_flat_modules_stay_while_a_fence_device_uses_one_as_its_witness(host: Host) -> None:
    host.cib.write_text(WITNESS.format("congress_ping"))
    assert host.remaining() == FLAT
