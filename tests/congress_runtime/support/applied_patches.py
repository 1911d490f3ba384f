"""Runs in Congress's virtual environment: applies all patches of a role together, as the launcher does.

usage: applied_patches.py ROLE. Prints as JSON the patches, and the drivers with patches, that are then loaded.
"""

import json
import sys

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
from congress_runtime import patches

patches.apply(patches.BUS, patches.NODE, sys.argv[1])
all_of_them = [f"congress_runtime.patches.{name}" for names in patches.PATCHES.values() for name in names]
watched = [*all_of_them, "congress.datasources.nova_driver", "congress.datasources.vitrage_driver"]
print(json.dumps([name.rpartition(".")[2] for name in watched if name in sys.modules]))
