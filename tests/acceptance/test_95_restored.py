"""A backup restores a destroyed deployment into a new one with another encryption key.

The new one is created with Pulumi's most verbose output: it must contain no secret during a whole first `up`, which
creates servers and credentials.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openstack.connection import Connection

from ops.data import archive
from tests.acceptance.support import backup_sample, canary
from tests.acceptance.support.console import VERBOSE, Console
from tests.acceptance.support.deployment import PULUMI, UNASKED, Deployment, run
from tests.acceptance.support.inventory import inventory
from tests.acceptance.support.searcher import Search


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_a_fresh_deployment_gets_policy_rule_and_datasource_back(
    deployment: Deployment, clouds: dict[str, Connection], backup_file: Path, tmp_path: Path
) -> None:
    with archive.read(backup_file) as backup:
        key = backup.key
    assert deployment.resources() == {}, "test_90_destroyed.py destroys the deployment of the backup"
    console = Console(tmp_path)
    console.run("first up", [PULUMI, "up", *UNASKED, "--diff", *VERBOSE])
    deployment.forget()
    exported = json.loads(run([PULUMI, "stack", "export", "--show-secrets"], timeout=60))
    assert console.leaks(Search(canary.patterns(canary.of_stack(exported)))) == []
    assert backup_sample.aes_key(deployment) != key
    assert backup_sample.rules(deployment) == set()
    assert backup_sample.dumps(deployment) == [], "a first deployment has no tables to dump"
    backup_sample.make("restore", f"FILE={backup_file}")
    assert backup_sample.rules(deployment) == set(backup_sample.RULES)
    backup_sample.works(deployment, clouds["lab-admin"])


@pytest.mark.full
@pytest.mark.timeout(700)
def test_it_is_destroyed_again(deployment: Deployment, clouds: dict[str, Connection]) -> None:
    deployment.destroy()
    assert inventory(clouds["lab"]) == {}
