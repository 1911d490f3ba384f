"""Runs in Congress's virtual environment: one poll of each of the real drivers.

usage: nova_pages.py ours|upstream AUTH_URL: prints one JSON object: driver -> table -> number of rows.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import distribution
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
from congress_runtime.patches.drivers import Drivers

DRIVERS = ("nova", "neutronv2", "keystonev3", "glancev2")


def polled(which: str, name: str, auth_url: str) -> dict[str, Any]:
    entries = distribution("openstack-congress").entry_points.select(group="congress.datasource.drivers")
    by_name = {entry.name: entry for entry in entries}
    drivers = Drivers(by_name)
    driver = by_name[name].load() if which == "upstream" else drivers.get(name).plugin  # type: ignore[union-attr]
    login = {"auth_url": auth_url, "username": "u", "password": "p", "tenant_name": "p", "poll_time": 0}
    source = driver(name, login)
    source.update_from_datasource()
    return {table: len(rows) for table, rows in source.state.items()}


def main(which: str, auth_url: str) -> None:
    print(json.dumps({name: polled(which, name, auth_url) for name in DRIVERS}))


main(*sys.argv[1:])
