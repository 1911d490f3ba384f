"""A new SSH key of the deployer works everywhere, and the former key nowhere. It cannot be undone, so it is last."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.traffic import Traffic

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]


def let_in(folder: Path, host: str) -> str:
    """The result of SSH with the files of a folder, on its own connection: `in`, or the reason why not."""
    ssh = ["ssh", "-F", "ssh_config", "-o", "ControlPath=none", "-o", "ConnectTimeout=30", host, "echo in"]
    done = subprocess.run(ssh, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout or done.stderr).strip()


def test_another_key_goes_in_and_the_one_before_does_not(
    deployment: Deployment, clients: Traffic, tmp_path: Path
) -> None:
    former = tmp_path / "former"
    shutil.copytree(deployment.folder, former, ignore=shutil.ignore_patterns("control-*"))
    assert let_in(former, "database") == "in"
    with clients.unnoticed():
        deployment.up("rotation.ssh=2")
    hosts = deployment.outputs["hosts"]
    assert {host: let_in(deployment.folder, host) for host in hosts} == dict.fromkeys(hosts, "in")
    # Through the bastion with the new key; otherwise the bastion alone would have refused the former key.
    config = (former / "ssh_config").read_text()
    (former / "ssh_config").write_text(config.replace("ssh -F", f"env -C {deployment.folder} ssh -F"))
    results = {host: let_in(former, host) for host in hosts}
    assert [host for host in hosts if "Permission denied (publickey)" not in results[host]] == [], results
