"""The options with which Congress logs in to keystone, and a password that has to be quoted."""

from __future__ import annotations

from typing import Any

from components.keystone import keystone_options
from components.preflight.identity import Identity

PASSWORD = 'it\'s $HOME "quoted" # ; ='


def authtoken(url: str, password: str = PASSWORD) -> dict[str, Any]:
    return {
        **keystone_options(Identity(url, "RegionOne", "public")),
        "username": "congress",
        "password": password,
        "user_domain_name": "Default",
        "project_name": "service",
        "project_domain_name": "Default",
    }
