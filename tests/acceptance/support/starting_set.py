"""The starting set of policies (policies/examples) over the lab's cloud, and what its APIs say of the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml
from openstack.connection import Connection

from policy_code.on_host import RECORD
from tests.acceptance.support import congress
from tests.acceptance.support.deployment import CONGRESS_HA, ROOT, Deployment, run

EXAMPLES = ROOT / "policies/examples"
ACTING = "pause_forbidden_flavors.yaml"


class Folder:
    """The starting set, with datasources of the lab's cloud."""

    def __init__(self, path: Path, admin: Connection) -> None:
        self.path = path
        auth = admin.config.get_auth_args()
        self.password = str(auth["password"])
        for file in EXAMPLES.glob("*.yaml"):
            if file.name != ACTING and not file.name.startswith(f"{ACTING.partition('.')[0]}.test"):
                shutil.copy(file, path)
        (path / "datasources").mkdir()
        for file in (EXAMPLES / "datasources").glob("*.yaml"):
            declared = yaml.safe_load(file.read_text())
            declared["config"] |= {
                "auth_url": auth["auth_url"],
                "username": auth["username"],
                "password": {"secret": "lab-admin"},
                "project_name": auth["project_name"],
                "user_domain_name": "Default",
                "project_domain_name": "Default",
                "poll_time": 2,
            }
            (path / "datasources" / file.name).write_text(yaml.safe_dump(declared))

    @property
    def names(self) -> dict[str, list[str]]:
        def all_of(folder: Path) -> list[str]:
            files = (file for file in folder.glob("*.yaml") if not file.name.endswith(".test.yaml"))
            return sorted(yaml.safe_load(file.read_text())["name"] for file in files)

        return {"policies": all_of(self.path), "data-sources": all_of(self.path / "datasources")}

    def up(self, deployment: Deployment) -> str:
        return deployment.up(f"policies={self.path}", f"policySecrets.lab-admin={self.password}")

    def simulate(self) -> list[str]:
        """The actions that an `up` would execute."""
        lines = run([*CONGRESS_HA, "policy", "simulate", self.path], timeout=180).splitlines()
        return [line.strip() for line in lines if line.startswith("  ! ")]


def forget(deployment: Deployment, folder: Folder) -> None:
    for name in (*folder.names["policies"], "PauseForbiddenFlavors", "Marks"):
        congress.forget(deployment, name)
    for name in folder.names["data-sources"]:
        congress.forget(deployment, None, name)
    deployment.on(str(deployment.engines[0]["host"]), f"rm -f {RECORD}")


def forbidden_flavors(admin: Any) -> set[tuple[str, ...]]:
    return {
        (server.id, server.name, server.flavor.name)
        for server in admin.compute.servers(all_projects=True)
        if server.flavor.name not in {"m1.small", "m1.medium"}
    }


def unprotected_ports(admin: Any) -> set[tuple[str, ...]]:
    servers = {server.id: server.name for server in admin.compute.servers(all_projects=True)}
    names = {group.id: group.name for group in admin.network.security_groups()}
    return {
        (port.id, port.device_id, servers[port.device_id])
        for port in admin.network.ports()
        if port.device_id in servers
        and not {names.get(group) for group in port.security_group_ids} & {"default", "baseline"}
    }


def users_without_project(admin: Any) -> set[tuple[str, ...]]:
    projects = {project.id for project in admin.identity.projects()}
    return {
        (user.id, user.name)
        for user in admin.identity.users()
        if user.is_enabled and user.default_project_id not in projects and user.name != "congress"
    }
