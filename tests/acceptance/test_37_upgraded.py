"""Congress's pins change and change back, with clients at the endpoint that notice nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.acceptance.support.deployment import ROOT, Deployment, run
from tests.acceptance.support.resource_changes import as_previewed
from tests.acceptance.support.traffic import Traffic

pytestmark = [pytest.mark.full, pytest.mark.timeout(1500)]

UP = ("up", "--yes", "--skip-preview", "--non-interactive")


@pytest.fixture
def other_pins(tmp_path: Path) -> Path:
    """This checkout with other pins. Any other text gives the hosts a new virtual environment."""
    tree = tmp_path / "checkout"
    for name in run(["git", "ls-files", "-z"], timeout=30).rstrip("\0").split("\0"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    for name in (".venv", ".toolchain", ".state"):
        (tree / name).symlink_to(ROOT / name)
    with (tree / "files/congress/constraints.txt").open("a") as constraints:
        constraints.write("# other pins\n")
    return tree


def environments(deployment: Deployment) -> dict[str, str]:
    """Host -> the virtual environment in which its Congress runs."""
    hosts = [*deployment.hosts("datasource-node"), *deployment.hosts("policy-engine")]
    return {host: deployment.on(host, "readlink /opt/congress") for host in hosts}


def test_other_pins_and_back(deployment: Deployment, clients: Traffic, other_pins: Path) -> None:
    pids, before = deployment.engine_pids(), environments(deployment)
    assert len(set(before.values())) == 1
    theirs = other_pins / "scripts/pulumi"
    with clients.unnoticed():
        as_previewed(deployment, lambda: run([theirs, *UP], timeout=1200), pulumi=theirs)
    after = environments(deployment)
    assert len(set(after.values())) == 1
    assert set(after.values()).isdisjoint(before.values())
    upgraded = deployment.engine_pids()
    assert all(upgraded[node_id] != pids[node_id] for node_id in pids)
    with clients.unnoticed():
        as_previewed(deployment, deployment.up)
    assert environments(deployment) == before
