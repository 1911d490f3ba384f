"""Turns the stack's outputs, one JSON object on stdin, into what a person needs next.

usage: python -m scripts.outputs next FOLDER                 what to try on the deployment; ca.pem in FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ops.stack.outputs import command

LOG_IN = "openstack --os-cloud CLOUD token issue -f value -c id"


def next_steps(outputs: dict[str, Any], ca_file: Path) -> str:
    """Return the endpoint and commands to try on it; `ca_file` holds the stack's authority, if clients need it."""
    endpoint = outputs["endpoint"].rstrip("/")
    engine = outputs["policy_engines"][0]["host"]
    who = login = ""
    name = os.environ.get("STACK", "dev")
    if outputs["auth"] == "keystone":
        who, login = ", as an administrator of the cloud", f"\n  token=$({LOG_IN})"
    token = ' -H "X-Auth-Token: $token"' if login else ""
    curl = f"curl -s --cacert {ca_file}" if outputs["ca_certificate"] else "curl -s"
    return f"""
Congress is up: {endpoint}

Try next{who}:{login}
  {curl} {endpoint}/v1/policies{token}
  {curl} {endpoint}/v1/policies{token} -H 'Content-Type: application/json' -d '{{"name": "first"}}'
  {command("status", name)}
  {command("ssh", name)} HOST={engine}"""


def write_ca_file(outputs: dict[str, Any], file: Path) -> None:
    """Write the authority by which clients verify the endpoint; no file when its certificate was given."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if outputs["ca_certificate"]:
        file.write_text(outputs["ca_certificate"])
    else:
        file.unlink(missing_ok=True)


def main(arguments: list[str]) -> None:
    outputs = json.load(sys.stdin)
    match arguments:
        case ["next", folder]:
            ca_file = Path(folder) / "ca.pem"
            write_ca_file(outputs, ca_file)
            print(next_steps(outputs, ca_file))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
