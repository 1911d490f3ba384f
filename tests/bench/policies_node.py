"""Run by Congress's Python for policies_as_code.py: tests.policy_code.applied, without some patches.

usage: policies_node.py FOLDER PATCH,PATCH < STEPS
"""

import sys

from tests.policy_code import applied

# isort: split
from congress_runtime import patches

applied.LIMIT = 3600.0
FOLDER, WITHOUT = sys.argv[1:]
patches.PATCHES = {
    user: tuple(name for name in names if name not in WITHOUT.split(","))
    for user, names in patches.PATCHES.items()
}
applied.main(FOLDER)
