"""Runs in Congress's virtual environment: Congress's own DseNode with and without patches.drivers. Prints JSON.

usage: drivers.py [OPTION...]: options of congress-server.
"""

import json
import sys

import congress_runtime.patches.removed_names  # noqa: F401
from congress.common import config
from congress.dse2.dse_node import DseNode
from congress.exception import DriverNotFound

WATCHED = {"keystonev3": "congress.datasources.keystonev3_driver", "nova": "congress.datasources.nova_driver"}


def driver_id(name: str) -> str:
    try:
        return str(DseNode.get_driver_info(name)["id"])
    except DriverNotFound:
        return "not found"


def main(argv: list[str]) -> dict[str, object]:
    config.init(argv)
    DseNode.load_drivers()
    eager = sorted(DseNode.loaded_drivers)
    for module in WATCHED.values():
        del sys.modules[module]

    from congress_runtime.patches import drivers  # noqa: PLC0415

    drivers.apply()
    DseNode.load_drivers()
    at_first = sorted(name for name, module in WATCHED.items() if module in sys.modules)
    return {
        "eager": eager,
        "imported at first": at_first,
        "asked for": [driver_id(name) for name in ("keystonev3", "keystonev3", "plexxi", "none such")],
        "imported then": sorted(name for name, module in WATCHED.items() if module in sys.modules),
        "lazy": sorted(driver.name for driver in DseNode.loaded_drivers.values()),
    }


print(json.dumps(main(sys.argv[1:])))
