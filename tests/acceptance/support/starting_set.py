"""The starting set of policies (policies/examples) over the lab's cloud, and the answers of the cloud's APIs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml
from openstack.connection import Connection

from policy_code.on_host import RECORD
from tests.acceptance.support import congress
from tests.acceptance.support.deployment import CONGRESS_HA, Deployment, run
from tests.acceptance.support.policies_folder import EXAMPLES, DeclaredFolder

ACTING = "pause_forbidden_flavors.yaml"


class Folder(DeclaredFolder):
    """The starting set, with datasources of the lab's cloud."""

    def __init__(self, path: Path, admin: Connection) -> None:
        super().__init__(path, admin)
        for file in EXAMPLES.glob("*.yaml"):
            if file.name != ACTING and not file.name.startswith(f"{ACTING.partition('.')[0]}.test"):
                shutil.copy(file, path)
        for file in (EXAMPLES / "datasources").glob("*.yaml"):
            declared = yaml.safe_load(file.read_text())
            declared["config"] |= self.login
            self.write(f"datasources/{file.stem}", **declared)

    @property
    def names(self) -> dict[str, list[str]]:
        def all_of(folder: Path) -> list[str]:
            files = (file for file in folder.glob("*.yaml") if not file.name.endswith(".test.yaml"))
            return sorted(yaml.safe_load(file.read_text())["name"] for file in files)

        return {"policies": all_of(self.path), "data-sources": all_of(self.path / "datasources")}

    def up(self, deployment: Deployment) -> str:
        return deployment.up(*self.settings)

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
