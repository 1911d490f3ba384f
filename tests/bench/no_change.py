"""Measures `up` and `preview` without a change, without a lab: seconds on the clock and of the processors.

The cloud is simulated (tests/simulated_cloud), the state is made by stand-ins of the plugins (stand_in.py). Everything
else is real: make's scripts, the engine, the plugins, the program. Each commit gets a checkout of its own for each
number of policy engines, and the runs take turns, so that they compare on a machine that does other work. Prints a
table in Markdown.

usage: python -m tests.bench.no_change [COMMIT ...] [--engines N]... [--runs N]
       [--delay SECONDS of each answer of the cloud]
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import product
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import typer
import yaml

from tests.bench.stand_in import standing_in
from tests.simulated_cloud import apis
from tests.simulated_cloud.cloud import Cloud, Item, id_of, image, network

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / ".toolchain/home/plugins"
VERSIONS = ROOT / "toolchain/versions.env"
PROJECT = id_of("project", 0)
QUOTA = {"maxTotalInstances": 100, "maxTotalCores": -1, "maxTotalRAMSize": -1}
USED = {"totalInstancesUsed": 8, "totalCoresUsed": 8, "totalRAMUsed": 0}
RUNS = {"up": ("up", "--yes", "--skip-preview", "--expect-no-changes"), "preview": ("preview", "--diff")}


def cloud_of_dev() -> Cloud:
    """A simulated cloud with the resources that Pulumi.dev.yaml names, and the quotas."""
    cloud = Cloud(1)
    cloud.items["image/images"] = [image(0) | {"name": "debian-12-congress"}]
    cloud.items["compute/flavors"][0]["name"] = "m1.small"
    cloud.items["network/networks"].append(network(0) | {"name": "public", "router:external": True})
    return cloud


class Handler(apis.Handler):
    delay = 0.0

    def do_GET(self) -> None:  # noqa: N802  the library's name
        path = self.path.partition("?")[0]
        if path.endswith("/access_rules"):
            self._answer(HTTPStatus.OK, {"access_rules": []})
        elif path == "/compute/v2.1/limits":
            self._answer(HTTPStatus.OK, {"limits": {"rate": [], "absolute": QUOTA | USED}})
        else:
            super().do_GET()

    def _answer(self, status: HTTPStatus, body: Any, headers: dict[str, str] | None = None) -> None:
        time.sleep(self.delay)
        if token := body.get("token"):
            domain = {"id": "default", "name": "Default"}
            token["project"] = {"id": PROJECT, "name": "project-0", "domain": domain}
            token["roles"] = [{"id": id_of("role", 1), "name": "member"}]
        super()._answer(status, body, headers)


@contextmanager
def serving(cloud: Cloud, folder: Path) -> Iterator[None]:
    """Serve the cloud, with a clouds.yaml in `folder` as the lab writes it."""
    with patch.object(apis, "Handler", Handler), apis.serving(cloud) as url:
        auth = {
            "auth_url": url,
            "username": "u",
            "password": "p",
            "project_name": "project-0",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        clouds = {"clouds": {"lab": {"auth": auth, "region_name": "R"}}}
        (folder / "clouds.yaml").write_text(json.dumps(clouds))
        yield


@dataclass
class Deployment:
    """Stack dev of a commit with so many policy engines. `figures`: seconds of each run, by its name."""

    commit: str
    engines: int
    root: Path
    servers: list[Item]
    figures: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {run: [] for run in RUNS})


def checkout(commit: str, engines: int, folder: Path) -> Path:
    """A copy of the commit, with this checkout's packages, engine and plugins, and a Pulumi home of its own."""
    folder.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x"], input=archive, cwd=folder, check=True)
    (folder / ".toolchain/home").mkdir(parents=True)
    for shared in (".venv", ".toolchain/bin", ".toolchain/home/plugins"):
        (folder / shared).symlink_to((ROOT / shared).resolve())
    file = folder / "Pulumi.dev.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["config"].setdefault("congress-ha:policyEngines", {})["count"] = engines
    file.write_text(yaml.safe_dump(settings))
    return folder


def pulumi(root: Path, *arguments: str, **env: str) -> str:
    done = subprocess.run(
        [root / "scripts/pulumi", *arguments, "--non-interactive"],
        cwd=root,
        env=os.environ | {"STACK": "dev", "LAB_STATE": str(root.parent)} | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\n{done.stderr}\nbench: pulumi {arguments[0]} failed")
    return done.stdout


def stood_in_for() -> dict[str, Path]:
    """The plugins whose resources need a cloud or a host."""
    pins = dict(line.split("=") for line in VERSIONS.read_text().splitlines() if not line.startswith("#"))
    return {
        name: PLUGINS / f"resource-{name}-v{pins[f'{name.upper()}_VERSION']}" / f"pulumi-resource-{name}"
        for name in ("openstack", "command")
    }


def deploy(root: Path, cloud: Cloud) -> list[Item]:
    """Make the state of stack dev; return its servers as the cloud lists them."""
    cloud.items["compute/servers"] = []
    login = {"OS_CLIENT_CONFIG_FILE": str(root.parent / "clouds.yaml"), "OS_CLOUD": "lab"}
    with standing_in(stood_in_for(), login) as providers:
        pulumi(root, "up", "--yes", "--skip-preview", PULUMI_DEBUG_PROVIDERS=providers)
    return [
        {"id": one["id"], "name": one["inputs"]["name"], "status": "ACTIVE", "tenant_id": PROJECT}
        for one in json.loads(pulumi(root, "stack", "export"))["deployment"]["resources"]
        if one["type"] == "openstack:compute/instance:Instance"
    ]


def measured(root: Path, *arguments: str) -> tuple[float, float]:
    """Seconds on the clock and of the processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    pulumi(root, *arguments)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def table(deployments: list[Deployment]) -> str:
    lines = [
        "| run | commit | engines | seconds: least | median | of the processors: least | median |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in RUNS:
        for one in deployments:
            cells = [
                f"{choose(kind):.2f}"
                for kind in zip(*one.figures[run], strict=True)
                for choose in (min, statistics.median)
            ]
            lines.append(f"| {run} | {one.commit} | {one.engines} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(
    commits: Annotated[list[str] | None, typer.Argument(help="Commits to compare; HEAD if none.")] = None,
    engines: Annotated[list[int] | None, typer.Option(help="Policy engines; 2 if not given.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each command on each deployment.")] = 5,
    delay: Annotated[float, typer.Option(help="Seconds that the cloud takes for each answer.")] = 0.05,
) -> None:
    deployments: list[Deployment] = []
    # Not in /tmp: stevedore, which openstacksdk uses, keeps no cache for a Python that is there.
    state = ROOT / ".state"
    state.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=state) as folder:
        cloud = cloud_of_dev()
        with serving(cloud, Path(folder)):
            for commit, count in product(commits or ["HEAD"], engines or [2]):
                root = checkout(commit, count, Path(folder) / f"{commit}-{count}")
                deployments.append(Deployment(commit, count, root, deploy(root, cloud)))
            Handler.delay = delay
            for _, run, one in product(range(runs), RUNS, deployments):
                cloud.items["compute/servers"] = one.servers
                one.figures[run].append(measured(one.root, *RUNS[run]))
    print(table(deployments))


if __name__ == "__main__":
    typer.run(main)
