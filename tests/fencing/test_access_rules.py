"""Requests to nova that the fencing credential allows, decided by keystone's own middleware."""

from __future__ import annotations

import json
from pathlib import Path

from components.fencing import access_rules
from tests.fencing.support.fake_cloud import ONE, TWO
from tests.support.programs import congress_python, run

STRANGER = "33333333-cccc-4ccc-8ccc-333333333333"
OURS = [
    (method, f"/v2.1/servers/{server}{rest}")
    for server in (ONE, TWO)
    for method, rest in (("GET", ""), ("POST", "/action"), ("GET", "/os-instance-actions/req-1"))
]
REFUSED = [
    *((method, path.replace(ONE, STRANGER)) for method, path in OURS[:3]),
    ("GET", "/v2.1/servers"),
    ("GET", "/v2.1/servers/detail"),
    ("POST", "/v2.1/servers"),
    ("PUT", f"/v2.1/servers/{ONE}"),
    ("DELETE", f"/v2.1/servers/{ONE}"),
    ("GET", f"/v2.1/servers/{ONE}/os-instance-actions"),
    ("POST", f"/v2.1/servers/{ONE}/os-interface"),
    ("POST", f"/v2.1/servers/{ONE}/os-volume_attachments"),
    ("POST", f"/v2.1/servers/{ONE}/metadata"),
    ("POST", f"/v2.1/servers/{ONE}/remote-consoles"),
    ("GET", f"/v2.0/servers/{ONE}"),
]


def allowed(requests: list[tuple[str, str]]) -> list[bool]:
    rules = [
        {"service": rule.service, "method": rule.method, "path": rule.path}
        for rule in access_rules("/v2.1", [ONE, TWO])
    ]
    asked = json.dumps({"rules": rules, "requests": requests})
    done = run(congress_python(), Path(__file__).parent / "support/allowed_requests.py", stdin=asked)
    assert done.returncode == 0, done.stderr
    answer: list[bool] = json.loads(done.stdout)
    return answer


def test_what_the_agent_asks_is_allowed_and_nothing_else() -> None:
    """The name of an action is in the body, so all actions are allowed, as docs/security.md says."""
    answers = dict(zip([*OURS, *REFUSED], allowed([*OURS, *REFUSED]), strict=True))
    assert [request for request, answer in answers.items() if answer] == OURS
