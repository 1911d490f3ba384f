"""`congress-ha policy simulate` with Congress's evaluator, and a stand-in for the host that knows what Congress has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from components.foundation.template import ROOT
from ops.policy import cli, simulation
from policy_code.declaration import declaration
from policy_code.folder import read
from policy_code.plan import fingerprint
from policy_code.simulated import FILE, unsimulated
from tests.policy_code.folders import NOVA, policy, write
from tests.support.programs import congress_python

REPORT = "error(id) :- nova:servers(id=id, status='ERROR')"
UNTAGGED = "untagged(id) :- nova:servers(id=id), not tagged(id)"
TAGGED = "tagged(id) :- nova:tags(server_id=id)"
PAUSE = "execute[nova:servers.pause(id)] :- Watch:untagged(id), nova:servers(id=id, status='ACTIVE')"
WATCH = policy("Watch", REPORT, UNTAGGED, TAGGED)
ROWS: dict[str, Any] = {
    "nova:servers": [
        {"id": "s1", "status": "ACTIVE"},
        {"id": "s2", "status": "ERROR"},
        {"id": "s3", "status": "ACTIVE"},
    ],
    "nova:tags": [{"server_id": "s3", "tag": "web"}],
}


class Stack:
    """What Congress has, and the rows of its datasources."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.outputs: dict[str, Any] = {}
        self.has: Any = {"datasources": {}, "policies": {}}
        self.tables: list[str] = []
        self.secrets: dict[str, str] | None = {"congress-password": "CANARY"}

        @contextmanager
        def host(_: str) -> Iterator[Stack]:
            yield self

        monkeypatch.setattr(simulation, "host", host)
        monkeypatch.setattr(simulation, "read_declared", lambda _: None)
        monkeypatch.setattr(
            simulation, "read_setting", lambda name: self.secrets if name == "policySecrets" else None
        )
        monkeypatch.setenv("STACK", "prod")

    def ask(self, do: str, **words: Any) -> str:
        if do == "read":
            new = {name: fingerprint("key", value) for name, value in words["secrets"].items()}
            return json.dumps({**self.has, "fingerprints": new})
        self.tables = words["tables"]
        return json.dumps({table: ROWS[table] for table in self.tables})

    def apply(self, folder: Path) -> None:
        self.has = json.loads(json.dumps(declaration(read(folder), {"congress-password": "CANARY"}, "key")))


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    congress_python()
    return Stack(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "folder", datasources__nova=NOVA, watch=WATCH)


def simulate(folder: Path) -> Result:
    return CliRunner().invoke(cli.app, ["simulate", str(folder)])


def refused(folder: Path, stack: Stack, name: str = "prod") -> list[str]:
    """The policies that `up` would refuse."""
    return unsimulated(folder, name, [stack.has], declaration(read(folder), None), ["Pause"])


def test_what_appears_vanishes_and_is_executed(stack: Stack, folder: Path) -> None:
    stack.apply(folder)
    changed = WATCH.replace("status='ERROR'", "status='ACTIVE'")
    write(folder, watch=changed, pause=policy("Pause", PAUSE, "warning('s9')"))
    assert refused(folder, stack) == ["Pause"]
    done = simulate(folder)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "warning of Pause  (0 stay)",
        "  + ('s9')",
        "error of Watch  (0 stay)",
        "  - ('s2')",
        "  + ('s1')",
        "  + ('s3')",
        "`up` executes:",
        "  ! nova:servers.pause('s1')  (Pause)",
        "3 violations appear, 1 vanishes, 1 action is executed, with 4 rows of 2 tables",
        f"{folder / FILE} says so to `up` of stack prod: commit it with the policies",
    ]
    assert stack.tables == ["nova:servers", "nova:tags"]
    assert refused(folder, stack) == []
    # Each stack has rows of its own.
    assert refused(folder, stack, "dev") == ["Pause"]


def test_what_is_inserted_again_is_executed_again(stack: Stack, folder: Path) -> None:
    write(folder, pause=policy("Pause", PAUSE))
    stack.apply(folder)
    done = simulate(folder)
    assert done.stdout.splitlines()[0] == (
        "0 violations appear, 0 vanish, 0 actions are executed, with 4 rows of 2 tables"
    )
    assert refused(folder, stack) == []
    # The same actions by another rule, by a policy that is created again, and by a datasource that is polled anew.
    for files in (
        {"pause": policy("Pause", PAUSE.replace("(id=id,", "(id=id, name=name,"))},
        {"pause": policy("Pause", PAUSE) + "description: another\n"},
        {"datasources__nova": NOVA.replace("username: congress", "username: other")},
    ):
        write(folder, datasources__nova=NOVA, pause=policy("Pause", PAUSE))
        write(folder, **files)
        assert refused(folder, stack) == ["Pause"], files
        assert "  ! nova:servers.pause('s1')  (Pause)" in simulate(folder).stdout.splitlines(), files
        assert refused(folder, stack) == []


def test_a_new_value_of_a_secret_creates_its_datasource_again(stack: Stack, folder: Path) -> None:
    write(folder, pause=policy("Pause", PAUSE))
    stack.apply(folder)
    stack.secrets = {"congress-password": "CANARY-2"}
    done = simulate(folder)
    assert "  ! nova:servers.pause('s1')  (Pause)" in done.stdout.splitlines()
    assert "CANARY" not in done.output
    # A pipeline that may not read secrets has none.
    for secrets in (None, {}, {"congress-password": "CANARY"}):
        stack.secrets = secrets
        assert " 0 actions are executed" in simulate(folder).stdout.splitlines()[0]


def test_a_change_of_what_a_policy_uses_is_simulated_too(stack: Stack, folder: Path) -> None:
    write(folder, pause=policy("Pause", PAUSE), other=policy("Other", "p(1)"))
    stack.apply(folder)
    write(folder, other=policy("Other", "p(2)"))
    assert refused(folder, stack) == []
    write(folder, watch=policy("Watch", REPORT, UNTAGGED, TAGGED + ", nova:servers(id=id, status='ERROR')"))
    assert refused(folder, stack) == ["Pause"]
    assert "  ! nova:servers.pause('s3')  (Pause)" in simulate(folder).stdout.splitlines()
    assert refused(folder, stack) == []


def test_rows_that_are_not_there_yet_are_not_taken_for_none(stack: Stack, folder: Path) -> None:
    write(folder, pause=policy("Pause", PAUSE))
    done = simulate(folder)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "policy simulate: datasource nova is not in Congress yet, so its rows are not known: run `up` with the "
        "datasource, but without the policies that read it, then simulate these\n"
    )
    assert refused(folder, stack) == ["Pause"]


def test_what_somebody_broke_by_hand_is_not_evaluated(stack: Stack, folder: Path) -> None:
    stack.apply(folder)
    stack.has["policies"]["Watch"]["rules"]["p(x) :- nova:no(x)"] = {"rule": "p(x) :- nova:no(x)"}
    done = simulate(folder)
    assert done.exit_code == 1
    assert done.stderr.startswith("policy simulate: what the stack has in Congress now cannot be evaluated: ")


def test_a_folder_with_a_problem_asks_nobody(stack: Stack, folder: Path) -> None:
    write(folder, watch=policy("Watch", "p(x) :- "))
    assert simulate(folder).exit_code == 2
    assert stack.tables == []


def test_the_manual_shows_a_report_as_it_is_printed() -> None:
    shown = (ROOT / "docs/policies.md").read_text().partition("policy simulate policies/prod\n")[2]
    lines = [line.removeprefix("    ") for line in shown.splitlines() if line.startswith("    ")]
    difference = {
        "policy": "ForbiddenFlavors",
        "table": "error",
        "vanish": ["('4c1e', 'old', 'm1.huge')"],
        "appear": ["('9b07', 'miner', 'm1.huge')"],
        "same": 10,
    }
    executed = [["PauseForbiddenFlavors", "nova:servers.pause('9b07')"]]
    rows: dict[str, list[Any]] = {"nova:servers": [{}] * 1500, "nova:flavors": [{}] * 20}
    report = [*simulation.report({"tables": [difference], "executed": executed}, rows)]
    assert lines[: len(report)] == report
