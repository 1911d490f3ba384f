"""Policies and datasources as code."""

from __future__ import annotations

import json

from components.policies import MODULES as POLICY_MODULES
from policy_code.on_host import COMMAND, LIBRARY, RECORD
from tests.render.support.contexts.common import PASSWORD

POLICIES = {
    "modules": POLICY_MODULES,
    "library": LIBRARY,
    "command": COMMAND,
    "record": RECORD,
    "request": json.dumps(
        {"do": "apply", "secrets": {"congress-password": f"{PASSWORD}'\"$(id)\nEND_OF_REQUEST"}}
    ),
    "record_text": json.dumps({"datasources": {}, "policies": {}, "attempt": 7}, indent=1),
    "attempt": 7,
}
