"""Asks Congress itself, which has a Python environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from policy_code.documents import Problem
from policy_code.folder import Folder
from policy_code.model import Secret
from policy_code.plan import Declaration

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".validators/congress/bin/python"
MADE_BY = "make validators"


class CongressError(Exception):
    """Congress could not be asked; the text says what to do."""


def ask(do: str, folder: Folder, **words: Any) -> dict[str, Any]:
    """Ask Congress. The request contains no secrets: Congress gets only the keys of a datasource's configuration."""
    if not PYTHON.exists():
        raise CongressError(f"Congress is not installed on this machine, in {PYTHON.parents[1]}: {MADE_BY}")
    done = subprocess.run(
        [PYTHON, "-m", "policy_code.in_congress"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",
        },
        input=json.dumps({"do": do, **request(folder), **words}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise CongressError(
            f"Congress's Python failed: {last}: make it anew by {MADE_BY}, or report this as a defect"
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def request(folder: Folder) -> dict[str, Any]:
    return {
        "datasources": [
            {
                "name": one.is_.name,
                "driver": one.is_.driver,
                "config": {key: isinstance(value, Secret) for key, value in one.is_.config.items()},
            }
            for one in folder.datasources
        ],
        "policies": [
            {
                "name": one.is_.name,
                "kind": one.is_.kind,
                "abbreviation": one.is_.abbreviation,
                "rules": [rule.rule for rule in one.is_.rules],
            }
            for one in folder.policies
        ],
        "cases": [
            {"policy": policy.name, "cases": [case.model_dump() for case in one.is_.cases]}
            for one in folder.cases
            if (policy := folder.policy_of(one))
        ],
        "unread": folder.unread,
    }


def request_of(declared: Declaration) -> dict[str, Any]:
    """The same request for what Congress has."""
    return {
        "datasources": [
            {
                "name": name,
                "driver": one["driver"],
                "config": {key: isinstance(value, dict) for key, value in one["config"].items()},
            }
            for name, one in declared["datasources"].items()
        ],
        "policies": [
            {
                "name": name,
                "kind": one["kind"],
                "abbreviation": one["abbreviation"],
                "rules": [rule["rule"] for rule in one["rules"].values()],
            }
            for name, one in declared["policies"].items()
        ],
        "cases": [],
        "unread": [],
    }


def problems(folder: Folder) -> list[Problem]:
    """All problems of a folder: its own, and those that Congress finds in what could be read. Sets `executing`."""
    answer = ask("check", folder)
    folder.executing = answer["executing"]
    return [*folder.problems, *reported_problems(folder, answer)]


def reported_problems(folder: Folder, answer: dict[str, Any]) -> list[Problem]:
    """The problems that Congress found, with file and line."""
    sources = {
        "datasources": [one.source for one in folder.datasources],
        "policies": [one.source for one in folder.policies],
        "cases": [one.source for one in folder.cases if folder.policy_of(one)],
    }
    return [
        sources[kind][position].problem(tuple(where), text)
        for kind, position, where, text in answer["problems"]
    ]
