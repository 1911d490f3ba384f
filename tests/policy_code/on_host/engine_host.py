"""A policy engine's host in the tests: a whole Congress in one process, over its bus (applied.py)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from components.foundation.template import ROOT
from policy_code.declaration import declaration
from policy_code.folder import read
from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.policy_code.folders import policy, write
from tests.support.programs import congress_python, run

SECRETS = {"congress-password": "CANARY-1"}
EMPTY: dict[str, Any] = {"datasources": {}, "policies": {}}
ACTIVE = policy("Active", "active(x) :- nova:servers(id=x)", "kept('a')")
NAMED = "name: Named\nrules:\n- {name: first, rule: p(1)}\n- {name: second, rule: 'q(x) :- p(x)'}\n"


class Host:
    """`key`: of the deployment. Steps are collected, and run in one process, because Congress starts slowly."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key = folder, Fernet.generate_key().decode()
        self.steps: list[dict[str, Any]] = []
        (folder / "aes_key").write_text(self.key)

    def declare(self, secrets: dict[str, str] = SECRETS, **files: str) -> dict[str, Any]:
        folder = read(write(self.folder / f"folder-{len([*self.folder.iterdir()])}", **files))
        assert folder.problems == []
        return json.loads(json.dumps(declaration(folder, secrets, self.key)))  # type: ignore[no-any-return]

    def apply(
        self,
        new: dict[str, Any],
        record: dict[str, Any] | str | None,
        secrets: dict[str, str] = SECRETS,
        *,
        begun: Sequence[dict[str, Any]] = (),
        first: bool = True,
    ) -> None:
        """`begun`: what `up`s that failed began to apply since `record`. `first`: nothing was applied before."""
        step = {"apply": new, "record": record, "begun": [*begun], "secrets": secrets, "first": first}
        self.steps.append(step)

    def run(self) -> list[dict[str, Any]]:
        done = run(
            congress_python(),
            "-m",
            "tests.policy_code.applied",
            self.folder,
            stdin=json.dumps(self.steps),
            env=ENVIRONMENT,
            cwd=ROOT,
            deadline=280,
        )
        assert done.returncode == 0, done.stderr
        results: list[dict[str, Any]] = json.loads(done.stdout)
        assert len(results) == len(self.steps)
        return results


def declared(one: dict[str, Any]) -> dict[str, Any]:
    """What can be compared with what is there: without protection and names of secrets, rules in any order."""
    same: dict[str, Any] = json.loads(json.dumps(one))
    for list_ in same.values():
        for thing in list_.values():
            thing.pop("protect", None)
            thing.pop("place")
            for value in thing.get("config", {}).values():
                if isinstance(value, dict):
                    value.pop("secret")
            for rule in thing.get("rules", {}).values():
                rule["name"] = rule["name"] or None
    return same
