"""Run by the Python that Congress is installed in: policy_code.in_congress, whose evaluations end at 100 rows."""

import runpy

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common import config  # noqa: F401  registers options that are read by what follows

# isort: split
from congress_runtime.patches import evaluation_pace

evaluation_pace.MAX_ROWS = 100
runpy.run_module("policy_code.in_congress", run_name="__main__")
