"""Run by the Python that Congress is installed in: prints each of the names given that does not exist in upstream."""

import sys
from pkgutil import resolve_name

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common import config  # noqa: F401  registers options that are read by what follows

for name in sys.argv[1:]:
    try:
        resolve_name(name)
    except (ImportError, AttributeError) as error:
        print(f"{name}: {error}")
