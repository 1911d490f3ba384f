"""A folder of policies for the stack of the acceptance tests, and what Congress and the commands say about it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from openstack.connection import Connection

from policy_code.on_host import RECORD
from tests.acceptance.support import congress
from tests.acceptance.support.deployment import (
    CONGRESS_HA,
    ROOT,
    CommandError,
    Deployment,
    setting_options,
)
from tests.support.waiting import wait_for

SYNC = 30  # seconds; the stack's syncPeriod is 5
EXAMPLES = ROOT / "policies/examples"
RULES = [{"name": "running", "rule": "running(name) :- nova:servers(name=name, status='ACTIVE')"}]
NAMES = ("Acting", "ForbiddenFlavors", "Running", "Taken", "Theirs")


class DeclaredFolder:
    """A folder of policies on this machine, and the settings that name it. `login`: of the lab's cloud, as declared."""

    def __init__(self, path: Path, admin: Connection) -> None:
        self.path = path
        auth = admin.config.get_auth_args()
        self.password = str(auth["password"])
        self.login = {
            "auth_url": auth["auth_url"],
            "username": auth["username"],
            "password": {"secret": "lab-admin"},
            "project_name": auth["project_name"],
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            "poll_time": 2,
        }
        (path / "datasources").mkdir()

    def write(self, file: str, **keys: Any) -> None:
        (self.path / f"{file}.yaml").write_text(yaml.safe_dump(keys))

    @property
    def settings(self) -> tuple[str, ...]:
        return (f"policies={self.path}", f"policySecrets.lab-admin={self.password}")

    def refused(self, deployment: Deployment) -> str:
        """The error of a refused `up`, without the outputs: they have all rules, and would push out the reason."""
        with pytest.raises(CommandError) as caught:
            deployment.up_with("--suppress-outputs", *setting_options(*self.settings))
        return str(caught.value)


class Folder(DeclaredFolder):
    """Servers that run, and those of forbidden flavors."""

    def __init__(self, path: Path, admin: Connection) -> None:
        super().__init__(path, admin)
        # No test waits for a second poll, and each costs nova and neutron processor time that `up` needs here.
        self.login["poll_time"] = 10
        shutil.copy(EXAMPLES / "forbidden_flavors.yaml", path)
        self.write("datasources/nova", name="nova", driver="nova", config=self.login)
        self.write("running", name="Running", rules=RULES)

    def up(self, deployment: Deployment) -> tuple[str, set[str]]:
        """What `up` prints, and the steps that it runs."""
        before = deployment.steps_run()
        printed = deployment.up(*self.settings)
        after = deployment.steps_run()
        return printed, {name for name, when in after.items() if before.get(name) != when}


def forget(deployment: Deployment) -> None:
    for name in NAMES:
        congress.forget(deployment, name)
    congress.forget(deployment, None, "nova")
    deployment.on(str(deployment.engines[0]["host"]), f"rm -f {RECORD}")


def rules_of(deployment: Deployment, policy: str) -> dict[str, str]:
    listed = congress.ok(deployment.api("GET", f"/v1/policies/{policy}/rules"))["results"]
    return {rule["name"]: " ".join(rule["rule"].split()) for rule in listed}


def evaluated(engines: dict[str, str], clouds: dict[str, Connection]) -> None:
    names = {server.name for server in clouds["lab"].compute.servers() if server.status == "ACTIVE"}
    wait_for(
        "every engine evaluates the rule over nova's table",
        SYNC,
        lambda: all(
            names <= {row[0] for row in rows}
            for rows in congress.by_engine(engines, "policies/Running/tables/running").values()
        ),
    )


def observed(command: str) -> dict[str, Any]:
    """What `status` or `verify` prints as JSON."""
    done = subprocess.run(
        [*CONGRESS_HA, command, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in {0, 1, 3}, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def of_policies(command: str) -> list[str]:
    return [one["what"] for one in observed(command)["findings"] if one["role"] == "policies"]
