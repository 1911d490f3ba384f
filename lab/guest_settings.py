#!/usr/bin/env python3
"""Write what servers on the lab need, beyond their image, to reach package sources and name servers.

The image contains none of it: a deployment passes it to its hosts through its settings.
usage: python3 -m lab.guest_settings STATE; the environment has the settings of apt, pip and network (credentials.sh)
Writes STATE/guest-settings.json (part `guest` of the stack's settings) and STATE/network-settings.json.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from image import package_index

CA_FOLDER = Path("/usr/local/share/ca-certificates")


def guest_settings(
    ca_files: list[str], pip_config: str, apt_proxy: str, env: Mapping[str, str]
) -> dict[str, Any]:
    """The machine-specific part of a stack's `guest` settings, without empty values."""
    index, extra_index, proxy = package_index.of_machine(pip_config, env)
    settings = {
        "caFiles": ca_files,
        "aptProxy": apt_proxy,
        "pipIndexUrl": index,
        "pipExtraIndexUrl": extra_index,
        "pipProxy": proxy,
    }
    return {key: value for key, value in settings.items() if value}


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write a file that only its owner can read: the URL of a package index may contain credentials."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    new.replace(path)


def main() -> None:
    state, env = Path(sys.argv[1]), os.environ
    ca_files = sorted(str(p) for p in CA_FOLDER.glob("*.crt"))
    write_private(
        state / "guest-settings.json",
        guest_settings(ca_files, env["LAB_PIP_CONFIG"], env["LAB_APT_PROXY"], env),
    )
    # The packets of a tenant network travel in VXLAN, whose headers take 50 bytes.
    network = {"dnsServers": env["LAB_RESOLVERS"].split(), "mtu": int(env["LAB_UNDERLAY_MTU"]) - 50}
    write_private(state / "network-settings.json", network)


if __name__ == "__main__":
    main()
