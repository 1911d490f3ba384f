"""Reads one request from standard input, and writes the answer to standard output, both JSON.

`do` is check; policy_code/congress.py has the rest of the request.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common import config  # noqa: F401  registers options that are read by what follows

# isort: split
from congress_runtime import patches

from policy_code.in_congress import drivers
from policy_code.in_congress.folder import Folder


def answer(request: dict[str, Any]) -> dict[str, Any]:
    return {"problems": Folder(request).problems}


def main() -> None:
    # Congress prints what it parses.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    patches.apply(patches.ENGINE)
    drivers.load()
    json.dump(answer(json.load(sys.stdin)), out)
    out.close()


main()
