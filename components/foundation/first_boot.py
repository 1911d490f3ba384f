"""First-boot data of a host, and whether what the settings say fits a host, before anything is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.foundation.template import render
from roles import BASTION, Role
from settings import NAMESPACE, Guest, SettingsError

USER = "deployer"
# Linux takes 64 characters, DNS and nova 63.
LONGEST_NAME = 63
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
# Bytes whose base64 has the 65535 characters that nova takes for a server.
MOST = 49149
# Keys are not known in a preview. OpenSSH's of ED25519 are shorter than these.
PRIVATE_KEY, PUBLIC_KEY = 500 * "k", 100 * "k"


def user_data(hostname: str, role: Role, guest: Guest, keys: Mapping[str, Any]) -> str:
    """`keys`: host_private_key, host_public_key, deployer_public_keys."""
    known = {
        "user": USER,
        "hostname": hostname,
        "is_bastion": role is BASTION,
        "guest": guest,
        "certificates": certificates(guest),
    }
    return render("host/user_data.yaml.j2", {**known, **keys})


def certificates(guest: Guest) -> list[str]:
    """Texts of the authorities that hosts shall trust."""
    return [Path(file).read_text() for file in guest.ca_files]


def check(stack: str, prefix: str, guest: Guest, roles: Mapping[str, Role]) -> None:
    """`roles` by the hosts' names, without the prefix. Raises SettingsError."""
    if problems := [told for told in (_name(stack, prefix, roles), _size(prefix, guest, roles)) if told]:
        raise SettingsError(problems)


def _name(stack: str, prefix: str, roles: Mapping[str, Role]) -> str:
    longest = max((f"{prefix}-{name}" for name in roles), key=len)
    way_out = f"stack {stack}, after which hosts are named: make one with another name (pulumi stack init)"
    if not NAME.fullmatch(longest):
        # Made into others' names by us, two stacks' servers could have the same names, and ops/ tell them by these.
        other = re.sub("[^A-Za-z0-9]+", "-", stack).strip("-") or "dev"
        return (
            f"stack {stack}, after which hosts are named: {longest} is no host's name, which has letters, digits and - "
            f"alone; name the stack {other} (pulumi stack rename {other}), or otherwise where a stack {other} is there"
        )
    if (more := len(longest) - LONGEST_NAME) > 0:
        return (
            f"{way_out}, of at most {len(stack) - more} characters; {longest} has {len(longest)}, and a host's name "
            f"has at most {LONGEST_NAME}"
        )
    return ""


def _size(prefix: str, guest: Guest, roles: Mapping[str, Role]) -> str:
    keys = {
        "host_private_key": PRIVATE_KEY,
        "host_public_key": PUBLIC_KEY,
        "deployer_public_keys": [PUBLIC_KEY, PUBLIC_KEY],
    }
    size = max(len(user_data(f"{prefix}-{name}", role, guest, keys).encode()) for name, role in roles.items())
    if size <= MOST:
        return ""
    files = sum(len(text) for text in certificates(guest))
    return (
        f"{NAMESPACE}:guest.caFiles: they have {files} bytes, and with them a host's first-boot data {size}, of which "
        f"nova takes {MOST}; name files with those authorities alone that hosts need for mirrors and the cloud's API"
    )
