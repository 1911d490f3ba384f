"""A checkout with the real scripts, and recording fakes of the engine, the lab and the toolchain."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]

# Appends its arguments, environment and working directory to a log, one JSON object per call.
FAKE_PULUMI = """#!{python}
import json, os, sys
names = ("PULUMI_", "OS_")
env = {{k: v for k, v in os.environ.items() if k.startswith(names)}}
if sys.argv[1:3] == ["stack", "--show-name"]:
    sys.exit(os.environ.get("NO_STACK"))
call = {{"args": sys.argv[1:], "env": env, "cwd": os.getcwd(), "python": os.environ["PATH"].split(":")[0]}}
with open({log!r}, "a") as log:
    log.write(json.dumps(call) + "\\n")
if sys.argv[1:3] == ["stack", "output"]:
    print(json.dumps({outputs!r}))
if sys.argv[1:3] == ["stack", "export"]:
    print(json.dumps({{"version": 3, "deployment": {{}}}}))
if "init" in sys.argv:
    os.makedirs({stacks!r}, exist_ok=True)
    open({stacks!r} + "/dev.json", "w").close()
if os.environ.get("FAIL_ON") in sys.argv[1:]:
    sys.exit("error: made to fail")
"""

OUTPUTS = {
    "endpoint": "https://192.0.2.10:1789/",
    "ca_certificate": "AUTHORITY\n",
    "auth": "noauth",
    "bastion": "192.0.2.9",
    "hosts": {"engine-1": {"address": "10.0.0.5", "roles": ["policy-engine"]}},
    "policy_engines": [{"node_id": "engine-1", "host": "engine-1", "address": "10.0.0.5", "port": 1789}],
    "ssh_config": "Host *\n",
    "ssh_known_hosts": "10.0.0.5 ssh-ed25519 AAAA\n",
    "ssh_private_key": "PRIVATE\n",
}


def write_clouds(folder: Path, port: int) -> None:
    """Write the lab's clouds.yaml, with its identity service on a port of this machine."""
    auth = {"auth_url": f"http://127.0.0.1:{port}/v3"}
    (folder / "clouds.yaml").write_text(json.dumps({"clouds": {"lab": {"auth": auth}}}))


@dataclass(frozen=True)
class Checkout:
    """A temporary checkout and the record of the fakes."""

    root: Path
    log: Path
    lab_state: Path

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, without the caller's stack, cloud and CI in its environment."""
        foreign = ("OS_", "PULUMI_", "CI", "STACK", "SECRETS", "MAKE")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        inherited["PATH"] = f"{self.root}/fake:{inherited['PATH']}"
        return subprocess.run(
            command,
            cwd=self.root,
            env=inherited | {"LAB_STATE": str(self.lab_state)} | env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def script(self, path: str, text: str) -> None:
        """Write an executable bash script into the checkout."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/usr/bin/env bash\n{text}\n")
        file.chmod(0o755)

    def module(self, command: str) -> Path:
        """The module of a command, such as ops/health/status.py."""
        (file,) = (self.root / "ops").glob(f"*/{command}.py")
        return file

    def deploy(self) -> None:
        """Make stack dev exist, as an `up` on this lab would."""
        stack = self.root / ".state/pulumi/.pulumi/stacks/congress-ha/dev.json"
        stack.parent.mkdir(parents=True)
        stack.touch()
        (self.root / ".state/pulumi/lab-of-dev").write_text(f"{self.lab_state}\n")
        (self.root / ".state/passphrase").write_text("x")
