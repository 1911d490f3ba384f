"""A host of any role, before its role's steps."""

from __future__ import annotations

from typing import Any

from settings import Guest
from tests.render.support.contexts.common import CERTIFICATE, GUEST, PRIVATE_KEY

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHostHostHostHostHostHostHostHostHostHostHost"
DEPLOYER_KEYS = [f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{word * 11}" for word in ("Depl", "Next")]
REACHABLE = {
    "host": "congress-dev-database",
    "address": "10.20.0.5",
    "host_key": f"{HOST_KEY} comment",
    "server": "6f70",
}


def user_data(*, bastion: bool, guest: Guest, certificates: list[str]) -> dict[str, Any]:
    return {
        "user": "deployer",
        "hostname": "congress-dev-bastion" if bastion else "congress-dev-database",
        "is_bastion": bastion,
        "guest": guest,
        "certificates": certificates,
        "host_private_key": PRIVATE_KEY,
        "host_public_key": HOST_KEY,
        "deployer_public_keys": DEPLOYER_KEYS,
    }


HOSTS = {"bastion": "203.0.113.7", "database": "10.20.0.5", "policy-engine-host-1": "10.20.0.21"}
USER_DATA = {
    "plain": user_data(bastion=False, guest=Guest(), certificates=[]),
    "everything": user_data(bastion=False, guest=GUEST, certificates=[CERTIFICATE, CERTIFICATE.strip()]),
    "bastion": user_data(bastion=True, guest=Guest(), certificates=[]),
    "bastion-everything": user_data(bastion=True, guest=GUEST, certificates=[CERTIFICATE]),
}
HARDENING = {
    name: {
        "hostname": "congress-dev-database",
        "user": "deployer",
        "deployer_public_keys": DEPLOYER_KEYS,
        "security_upgrades": upgrades,
    }
    for name, upgrades in (("upgrades", True), ("no-upgrades", False))
}
