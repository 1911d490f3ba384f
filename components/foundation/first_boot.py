"""First-boot data (cloud-init) of a host, and the check of names and sizes before anything is created."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.foundation.template import render
from roles import BASTION, Role
from settings import NAMESPACE, Guest, SettingsError

USER = "deployer"
# Linux allows 64 characters, DNS and nova 63.
MAX_NAME_LENGTH = 63
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
# Bytes; their base64 has the 65535 characters that nova accepts.
MAX_USER_DATA = 49149
# Placeholders: keys are not context in a preview. OpenSSH's ED25519 keys are shorter than these.
PRIVATE_KEY, PUBLIC_KEY = 500 * "k", 100 * "k"


def user_data(hostname: str, role: Role, guest: Guest, keys: Mapping[str, Any]) -> str:
    """`keys`: host_private_key, host_public_key, deployer_public_keys."""
    context = {
        "user": USER,
        "hostname": hostname,
        "is_bastion": role is BASTION,
        "guest": guest,
        "certificates": certificates(guest),
    }
    return render("host/user_data.yaml.j2", {**context, **keys})


def certificates(guest: Guest) -> list[str]:
    """PEM texts of the certificate authorities that hosts trust (guest.caFiles)."""
    return [Path(file).read_text() for file in guest.ca_files]


def check(stack: str, prefix: str, guest: Guest, roles: Mapping[str, Role]) -> None:
    """Check host names and first-boot data. `roles`: host name without prefix -> role. Raises SettingsError."""
    checks = (_name_problem(stack, prefix, roles), _size_problem(prefix, guest, roles))
    if problems := [problem for problem in checks if problem]:
        raise SettingsError(problems)


def _name_problem(stack: str, prefix: str, roles: Mapping[str, Role]) -> str:
    longest = max((f"{prefix}-{name}" for name in roles), key=len)
    way_out = f"stack {stack}, after which hosts are named: make one with another name (pulumi stack init)"
    if not NAME.fullmatch(longest):
        # The program does not convert the name: servers of two stacks could then get the same name, and ops/ finds a
        # stack's servers by their names.
        other = re.sub("[^A-Za-z0-9]+", "-", stack).strip("-") or "dev"
        return (
            f"stack {stack}, after which hosts are named: {longest} is no host's name, which has letters, digits and - "
            f"alone; name the stack {other} (pulumi stack rename {other}), or otherwise where a stack {other} is there"
        )
    if (more := len(longest) - MAX_NAME_LENGTH) > 0:
        return (
            f"{way_out}, of at most {len(stack) - more} characters; {longest} has {len(longest)}, and a host's name "
            f"has at most {MAX_NAME_LENGTH}"
        )
    return ""


def _size_problem(prefix: str, guest: Guest, roles: Mapping[str, Role]) -> str:
    keys = {
        "host_private_key": PRIVATE_KEY,
        "host_public_key": PUBLIC_KEY,
        "deployer_public_keys": [PUBLIC_KEY, PUBLIC_KEY],
    }
    size = max(len(user_data(f"{prefix}-{name}", role, guest, keys).encode()) for name, role in roles.items())
    if size <= MAX_USER_DATA:
        return ""
    files = sum(len(text) for text in certificates(guest))
    return (
        f"{NAMESPACE}:guest.caFiles: they have {files} bytes, and with them a host's first-boot data {size}, of which "
        f"nova takes {MAX_USER_DATA}; name files with those authorities alone that hosts need for mirrors and the "
        "cloud's API"
    )
