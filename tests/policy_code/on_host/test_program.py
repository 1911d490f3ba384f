"""The program that a step runs on a policy engine's host: its output, its exit code and its errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.policy_code.folders import NOVA
from tests.policy_code.on_host.engine_host import EMPTY, Host
from tests.support.programs import congress_python, run

pytestmark = pytest.mark.timeout(300)
CONFIGURATION = """
[DEFAULT]
transport_url = rabbit://congress:CANARY@127.0.0.1:1/
encryption_key_path = {folder}
[database]
connection = sqlite:///{folder}/congress.sqlite
"""


def ask(host: Host, request: dict[str, Any]) -> tuple[int, str, str]:
    """The program as the step runs it."""
    file = host.folder / "congress.conf"
    file.write_text(CONFIGURATION.format(folder=host.folder))
    words = ("-m", "policy_code.on_host", file, host.folder / "policies.json")
    done = run(
        congress_python(), *words, stdin=json.dumps(request), env=ENVIRONMENT, cwd=host.folder, deadline=250
    )
    return done.returncode, done.stdout, done.stderr


def test_the_program_says_in_one_line_what_it_did_or_what_is_wrong(host: Host) -> None:
    applied = host.declare(datasources__nova=NOVA)
    host.apply(applied, None)
    host.steps.append({"engine": ["persistent_create_policy", {"name": "Theirs"}]})
    host.run()
    (host.folder / "policies.json").write_text(json.dumps(applied))
    verify = {"do": "verify", "stack": "congress-test", "declaration": applied}
    assert ask(host, verify) == (0, "[]\n", "")
    assert ask(host, {"do": "drift", "stack": "congress-test"}) == (0, "\n", "")
    secrets = {"congress-password": "CANARY-1", "other": "CANARY-2"}
    code, out, _ = ask(host, {**verify, "do": "read", "secrets": secrets})
    there = json.loads(out)
    assert there["fingerprints"].keys() == secrets.keys()
    assert (
        there["fingerprints"]["congress-password"] == there["datasources"]["nova"]["config"]["password"]["is"]
    )
    assert there["fingerprints"]["other"] != there["fingerprints"]["congress-password"]
    assert "CANARY" not in out
    adopt = {"do": "adopt", "stack": "congress-test"}
    assert ask(host, {**adopt, "name": "Theirs"}) == (0, "policy Theirs belongs to congress-test now\n", "")
    code, _, errors = ask(host, {**adopt, "name": "Nobody"})
    assert (code, errors.splitlines()[-1]) == (1, "there is no policy or datasource Nobody")
    code, out, _ = ask(host, {"do": "drift", "stack": "congress-test"})
    assert (code, out.count("\n")) == (0, 1)
    assert out.startswith(
        "policy Theirs has the stack's mark, but the last `up` did not declare it: declare it in"
    )
    config = applied["datasources"]["nova"]["config"]
    by_hand = {**applied, "datasources": {"nova": {**applied["datasources"]["nova"], "config": {**config}}}}
    by_hand["datasources"]["nova"]["config"]["username"] = "CANARY-3"
    (host.folder / "policies.json").write_text(json.dumps(by_hand))
    code, out, _ = ask(host, {"do": "drift", "stack": "congress-test"})
    assert "datasource nova: config.username was changed: make repair deletes it and creates it again" in out
    assert "CANARY" not in out
    (host.folder / "policies.json").write_text('"overwrite"')
    code, _, errors = ask(host, {"do": "drift", "stack": "congress-test"})
    assert errors.splitlines()[-1].startswith("`policy overwrite` was ordered: ")
    request: dict[str, Any] = {"do": "apply", "stack": "congress-test", "engines": ["e"]}
    request |= {"declaration": EMPTY, "attempt": 1, "first": True, "begun": [], "secrets": {}}
    code, _, errors = ask(host, request)
    assert code == 1
    assert errors.splitlines()[-1].startswith("no message bus at 127.0.0.1:1 as congress: ")
    assert "CANARY" not in errors
    (host.folder / "policies.json").write_text("{")
    code, _, errors = ask(host, {"do": "drift", "stack": "congress-test"})
    assert (code, errors.count("Traceback")) == (1, 0)
    assert "policies.json cannot be read (Expecting property name" in errors.splitlines()[-1]
    assert "congress-ha policy overwrite" in errors.splitlines()[-1]
    (host.folder / "congress.sqlite").unlink()
    code, _, errors = ask(host, {**adopt, "name": "Theirs"})
    assert code == 1
    assert errors.splitlines()[-1].startswith("Congress's database does not answer as it should: ")
