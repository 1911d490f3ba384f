"""An engine's API with our api-paste.ini and congress.conf, made of Congress's own classes (engine_api.py)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.foundation.template import ROOT, render
from tests.congress_runtime.support.authtoken import PASSWORD, authtoken
from tests.congress_runtime.support.congress_python import run_script
from tests.congress_runtime.support.fake_keystone import keystone
from tests.render.support.contexts.congress_host import CONGRESS

Step = str | tuple[str, str, str | None]


def run_steps(
    folder: Path,
    authtoken: dict[str, Any] | None,
    steps: Sequence[Step],
    paste: Path = ROOT / "files/congress/api-paste.ini",
) -> list[tuple[int, str]]:
    """Status and body of each answer."""
    configuration = folder / "congress.conf"
    configuration.write_text(
        render("congress_host/congress.conf.j2", {**CONGRESS, "authtoken": authtoken}) + "\n"
    )
    observed = run_script("engine_api.py", paste, configuration, folder, json.dumps(steps))
    return [(status, body) for status, body in json.loads(observed.splitlines()[-1])]


def statuses(folder: Path, authtoken: dict[str, Any] | None, steps: Sequence[Step]) -> list[int]:
    return [status for status, _ in run_steps(folder, authtoken, steps)]


HEALTH: Step = ("GET", "/health", None)


def test_health_needs_the_database_and_returns_no_data(tmp_path: Path) -> None:
    answers = run_steps(
        tmp_path,
        None,
        [
            HEALTH,
            ("POST", "/health", None),
            ("GET", "/health/x", None),
            ("GET", "/v1/policies", None),
            "no database",
            HEALTH,
            ("GET", "/v1/policies", None),
            ("GET", "/", None),
        ],
    )
    assert [status for status, _ in answers] == [200, 405, 404, 200, 503, 500, 200]
    assert (answers[0][1], answers[4][1]) == ("200 OK\n", "503 Service Unavailable\n")


def test_with_keystone_only_health_works_without_a_token(tmp_path: Path) -> None:
    """Keystone itself is away: a request without a token is refused without asking keystone."""
    api = ["/v1/policies", "/v1/policies/action", "/v1/data-sources", "/v1"]
    steps = [HEALTH, *(("GET", path, None) for path in api), "no engine", HEALTH]
    assert statuses(tmp_path, authtoken("http://127.0.0.1:9/v3"), steps) == [200, 401, 401, 401, 401, 503]


def test_congress_s_policy_decides_what_a_token_may_do(tmp_path: Path) -> None:
    """For lists and for single resources alike, policy.yaml beside congress.conf decides."""
    (tmp_path / "policy.yaml").write_text('"get_v1": "rule:admin_only or role:auditor"\n')
    tokens = {"admin": ["admin"], "member": ["member", "reader"], "auditor": ["auditor"]}
    with keystone(PASSWORD, tokens) as fake:
        steps = [
            *(("GET", "/v1/policies", token) for token in ("admin", "member", "forged")),
            *(("GET", "/v1/policies/action", token) for token in ("admin", "member", "forged")),
            ("DELETE", "/v1/policies/classification", "member"),
            ("POST", "/v1/policies/classification?action=simulate", "member"),
            ("PURGE", "/v1/policies/action", "admin"),
            ("GET", "/v1/policies/action", "auditor"),
            ("DELETE", "/v1/policies/action", "auditor"),
        ]
        observed = statuses(tmp_path, authtoken(fake.url), steps)
    assert observed == [200, 403, 401, 200, 403, 401, 403, 403, 405, 200, 403]
    # Keystone got the user's data exactly as congress.conf has them.
    user = {"name": "congress", "domain": {"name": "Default"}, "password": PASSWORD}
    assert fake.logins[0]["identity"] == {"methods": ["password"], "password": {"user": user}}
    assert fake.logins[0]["scope"] == {"project": {"name": "service", "domain": {"name": "Default"}}}


def test_without_role_service_no_token_can_be_validated(tmp_path: Path) -> None:
    with keystone(PASSWORD, {"admin": ["admin"]}, role="member") as fake:
        steps = [("GET", "/v1/policies", "admin"), HEALTH]
        assert statuses(tmp_path, authtoken(fake.url), steps) == [503, 200]


def test_upstream_answers_no_request_with_a_token(tmp_path: Path) -> None:
    """The reason for patches.keystone_context. Once Congress has no such flaw, the patch can go."""
    upstream = ROOT / ".validators/congress/etc/congress/api-paste.ini"
    with keystone(PASSWORD, {"admin": ["admin"]}) as fake:
        steps: list[Step] = [("GET", "/v1/policies", "admin"), ("GET", "/v1/policies", None)]
        answers = run_steps(tmp_path, authtoken(fake.url), steps, upstream)
    assert [status for status, _ in answers] == [500, 401]
