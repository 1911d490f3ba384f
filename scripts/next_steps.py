"""Print what to try on a new deployment. Reads the stack's outputs, one JSON object, from stdin.

usage: python -m scripts.next_steps FOLDER      writes the CA certificate to FOLDER/ca.pem if clients need it
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
    """Return the endpoint and commands to try on it; `ca_file` has the CA certificate that clients may need."""
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
    """Write the CA certificate that clients need. Remove the file if the endpoint's certificate is the user's own."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if outputs["ca_certificate"]:
        file.write_text(outputs["ca_certificate"])
    else:
        file.unlink(missing_ok=True)


def main(folder: Path) -> None:
    outputs = json.load(sys.stdin)
    ca_file = folder / "ca.pem"
    write_ca_file(outputs, ca_file)
    print(next_steps(outputs, ca_file))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
