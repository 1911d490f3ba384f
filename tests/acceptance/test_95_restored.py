"""A backup brings a deployment that was destroyed back, into a fresh one with another encryption key."""

from __future__ import annotations

from pathlib import Path

import pytest
from openstack.connection import Connection

from tests.acceptance import kept
from tests.acceptance.belongings import belongings
from tests.acceptance.deployment import Deployment
from tools import archive


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_a_fresh_deployment_gets_policy_rule_and_datasource_back(
    deployment: Deployment, clouds: dict[str, Connection], backup_file: Path
) -> None:
    with archive.read(backup_file) as backup:
        key = backup.key
    assert deployment.resources() == {}, "test_90_destroyed.py destroys the deployment of the backup"
    deployment.up()
    assert kept.aes_key(deployment) != key
    assert kept.rules(deployment) == set()
    assert kept.dumps(deployment) == [], "a first deployment has no tables to dump"
    kept.make("restore", f"FILE={backup_file}")
    assert kept.rules(deployment) == set(kept.RULES)
    kept.works(deployment, clouds["lab-admin"])


@pytest.mark.full
@pytest.mark.timeout(700)
def test_it_is_destroyed_again(deployment: Deployment, clouds: dict[str, Connection]) -> None:
    deployment.destroy()
    assert belongings(clouds["lab"]) == {}
