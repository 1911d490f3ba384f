"""Runs in Congress's virtual environment: prints each of the given names that does not exist in upstream."""

import sys
from pkgutil import resolve_name

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read

for name in sys.argv[1:]:
    try:
        resolve_name(name)
    except (ImportError, AttributeError) as error:
        print(f"{name}: {error}")
