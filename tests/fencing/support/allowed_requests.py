"""Run by Congress's Python: which requests keystone's own middleware, as nova has it, allows by access rules.

Standard input: {"rules": [...], "requests": [[method, path], ...]}; prints a list of booleans.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

from keystonemiddleware.auth_token import BaseAuthProtocol, ksm_exceptions

asked = json.load(sys.stdin)
nova = BaseAuthProtocol(None, service_type="compute")
token = {
    "application_credential": {"access_rules": asked["rules"]},
    "catalog": [{"type": "compute"}, {"type": "identity"}],
}


def allowed(method: str, path: str) -> bool:
    try:
        nova.validate_allowed_request(SimpleNamespace(method=method, path=path, service_token=None), token)
    except ksm_exceptions.InvalidToken:
        return False
    return True


print(json.dumps([allowed(*request) for request in asked["requests"]]))
