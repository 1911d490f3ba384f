"""Policies as code in the stack: applied, owned, changed rule by rule, protected and removed (docs/policies.md)."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openstack.connection import Connection

from policy_code.on_host import RECORD
from tests.acceptance.support import congress
from tests.acceptance.support.deployment import (
    CONGRESS_HA,
    PULUMI,
    ROOT,
    CommandError,
    Deployment,
    run,
    setting_options,
)
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

SYNC = 30  # seconds; the stack's syncPeriod is 5
EXAMPLES = ROOT / "policies/examples"
RULES = [{"name": "running", "rule": "running(name) :- nova:servers(name=name, status='ACTIVE')"}]
NAMES = ("Acting", "ForbiddenFlavors", "Running", "Taken", "Theirs")


class Folder:
    """A folder of policies on this machine, and the settings that name it."""

    def __init__(self, path: Path, admin: Connection) -> None:
        self.path = path
        auth = admin.config.get_auth_args()
        self.password = str(auth["password"])
        (path / "datasources").mkdir()
        shutil.copy(EXAMPLES / "forbidden_flavors.yaml", path)
        config = {
            "auth_url": auth["auth_url"],
            "username": auth["username"],
            "password": {"secret": "lab-admin"},
            "project_name": auth["project_name"],
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            "poll_time": 2,
        }
        self.write("datasources/nova", name="nova", driver="nova", config=config)
        self.write("running", name="Running", rules=RULES)

    def write(self, file: str, **keys: Any) -> None:
        (self.path / f"{file}.yaml").write_text(yaml.safe_dump(keys))

    @property
    def settings(self) -> tuple[str, ...]:
        return (f"policies={self.path}", f"policySecrets.lab-admin={self.password}")

    def up(self, deployment: Deployment) -> tuple[str, set[str]]:
        """What `up` prints, and the steps that it runs."""
        before = deployment.steps_run()
        printed = deployment.up(*self.settings)
        after = deployment.steps_run()
        return printed, {name for name, when in after.items() if before.get(name) != when}

    def refused(self, deployment: Deployment) -> str:
        with pytest.raises(CommandError) as caught:
            deployment.up(*self.settings)
        return str(caught.value)


@pytest.fixture(scope="module")
def folder(
    deployment: Deployment, clouds: dict[str, Connection], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Folder]:
    forget(deployment)
    yield Folder(tmp_path_factory.mktemp("policies"), clouds["lab-admin"])
    forget(deployment)
    deployment.up()


@pytest.fixture
def engines(deployment: Deployment) -> Iterator[dict[str, str]]:
    with deployment.engine_urls() as urls:
        yield urls


def forget(deployment: Deployment) -> None:
    for name in NAMES:
        congress.forget(deployment, name)
    congress.forget(deployment, None, "nova")
    deployment.on(str(deployment.engines[0]["host"]), f"rm -f {RECORD}")


def rules_of(deployment: Deployment, policy: str) -> dict[str, str]:
    listed = congress.ok(deployment.api("GET", f"/v1/policies/{policy}/rules"))["results"]
    return {rule["name"]: " ".join(rule["rule"].split()) for rule in listed}


def evaluated(engines: dict[str, str], clouds: dict[str, Connection]) -> None:
    names = {server.name for server in clouds["lab"].compute.servers() if server.status == "ACTIVE"}
    wait_for(
        "every engine evaluates the rule over nova's table",
        SYNC,
        lambda: all(
            names <= {row[0] for row in rows}
            for rows in congress.by_engine(engines, "policies/Running/tables/running").values()
        ),
    )


def test_a_preview_shows_the_changes_and_makes_none(deployment: Deployment, folder: Folder) -> None:
    shown = run([PULUMI, "preview", "--non-interactive", *setting_options(*folder.settings)], timeout=300)
    for line in ("+ datasource nova", "+ policy ForbiddenFlavors", "+ policy Running", "secret lab-admin"):
        assert line in shown
    assert folder.password not in shown
    names = {one["name"] for one in congress.ok(deployment.api("GET", "/v1/policies"))["results"]}
    assert not names & {*NAMES}


def test_it_is_applied_and_evaluated_by_every_engine(
    deployment: Deployment, folder: Folder, engines: dict[str, str], clouds: dict[str, Connection]
) -> None:
    congress.ok(deployment.api("POST", "/v1/policies", {"name": "Theirs"}))
    _, steps = folder.up(deployment)
    assert steps == {"policies"}
    evaluated(engines, clouds)
    assert list(deployment.outputs["policies"]["policies"]) == ["ForbiddenFlavors", "Running"]
    status = congress.ok(deployment.api("GET", "/v1/data-sources/nova/status"))
    assert status["last_error"] == "None", status


def observed(command: str) -> dict[str, Any]:
    """What `status` or `verify` prints as JSON."""
    done = subprocess.run(
        [*CONGRESS_HA, command, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in {0, 1, 3}, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def of_policies(command: str) -> list[str]:
    return [one["what"] for one in observed(command)["findings"] if one["role"] == "policies"]


def test_status_shows_polls_and_violations(deployment: Deployment, folder: Folder) -> None:
    assert folder.path.exists()
    seen = observed("status")
    assert seen["roles"]["policies"]["state"] == "ok", seen["findings"]
    poll = seen["policies"]["polls"]["nova"]
    assert (poll["age"] < SYNC, poll["error"]) == (True, "")
    # Running has no such table.
    assert seen["policies"]["violations"]["Running"] == {}
    tables = {
        table: len(
            congress.ok(deployment.api("GET", f"/v1/policies/ForbiddenFlavors/tables/{table}/rows"))[
                "results"
            ]
        )
        for table in ("error", "warning")
    }
    assert seen["policies"]["violations"]["ForbiddenFlavors"] == tables


def test_a_second_up_changes_nothing(deployment: Deployment, folder: Folder) -> None:
    printed, steps = folder.up(deployment)
    assert steps == set()
    assert "policies:" not in printed


def test_the_secret_is_nowhere_to_be_read(deployment: Deployment, folder: Folder) -> None:
    assert folder.password not in json.dumps(deployment.exported())
    assert folder.password not in json.dumps(deployment.outputs["policies"])
    host = str(deployment.engines[0]["host"])
    # On standard input, because every user of the host can read command lines.
    run(
        [
            *deployment.ssh_command(host),
            f"sudo grep -rqF -f - {RECORD} /usr/local/lib/congress-ha && exit 1 || exit 0",
        ],
        stdin=f"{folder.password}\n",
        timeout=60,
    )


def test_a_changed_rule_is_changed_alone(
    deployment: Deployment, folder: Folder, engines: dict[str, str], clouds: dict[str, Connection]
) -> None:
    before = congress.ok(deployment.api("GET", "/v1/policies/ForbiddenFlavors"))["id"]
    changed = "running(name) :- nova:servers(name=name, status='ACTIVE', id=server)"
    folder.write("running", name="Running", rules=[{"name": "running", "rule": changed}], protect=True)
    printed, steps = folder.up(deployment)
    assert steps == {"policies"}
    assert printed.index("- rule running of Running: ") < printed.index("+ rule running of Running: ")
    assert "id=server" in rules_of(deployment, "Running")["running"]
    evaluated(engines, clouds)
    assert congress.ok(deployment.api("GET", "/v1/policies/ForbiddenFlavors"))["id"] == before
    congress.ok(deployment.api("GET", "/v1/policies/Theirs"))


def test_what_is_protected_is_not_deleted(deployment: Deployment, folder: Folder) -> None:
    text = (folder.path / "running.yaml").read_text()
    (folder.path / "running.yaml").unlink()
    assert "policy Running is protected, and this would delete it" in folder.refused(deployment)
    congress.ok(deployment.api("GET", "/v1/policies/Running"))
    (folder.path / "running.yaml").write_text(text)


def test_a_policy_of_others_is_refused_until_it_is_adopted(deployment: Deployment, folder: Folder) -> None:
    congress.ok(deployment.api("POST", "/v1/policies", {"name": "Taken"}))
    congress.ok(deployment.api("POST", "/v1/policies/Taken/rules", {"rule": "t(1)"}))
    folder.write("taken", name="Taken", rules=[{"name": "two", "rule": "t(2)"}])
    refusal = folder.refused(deployment)
    assert "nothing was changed: the policy Taken was not created by congress-dev" in refusal
    assert "congress-ha policy adopt Taken" in refusal
    assert set(rules_of(deployment, "Taken").values()) == {"t(1)"}
    printed = run([*CONGRESS_HA, "policy", "adopt", "Taken"], timeout=120)
    assert printed.strip() == "policy Taken belongs to congress-dev now"
    folder.up(deployment)
    assert rules_of(deployment, "Taken") == {"two": "t(2)"}


def test_a_change_by_hand_is_not_undone_unasked(deployment: Deployment, folder: Folder) -> None:
    congress.ok(deployment.api("POST", "/v1/policies/Taken/rules", {"name": "by hand", "rule": "t(7)"}))
    folder.write("taken", name="Taken", rules=[{"name": "two", "rule": "t(3)"}])
    assert "somebody changed what this stack declares" in folder.refused(deployment)
    assert rules_of(deployment, "Taken") == {"two": "t(2)", "by hand": "t(7)"}
    with pytest.raises(CommandError, match=r"- rule by hand of Taken: t\(7\)"):
        run([*CONGRESS_HA, "policy", "drift"], timeout=120)
    run([*CONGRESS_HA, "policy", "overwrite"], timeout=120)
    folder.up(deployment)
    assert rules_of(deployment, "Taken") == {"two": "t(3)"}
    run([*CONGRESS_HA, "policy", "drift"], timeout=120)


def test_what_was_changed_by_hand_is_named_and_repaired(deployment: Deployment, folder: Folder) -> None:
    """`make repair` would use the configuration of stack dev, which names no folder: so its `up` is run here."""
    assert of_policies("verify") == []
    congress.ok(deployment.api("POST", "/v1/policies/Taken/rules", {"name": "by hand", "rule": "t(7)"}))
    congress.forget(deployment, "ForbiddenFlavors")
    assert sorted(of_policies("verify")) == [
        "policy ForbiddenFlavors is gone",
        "rule by hand was added to policy Taken: t(7)",
    ]
    (urn,) = [urn for urn in deployment.resources() if urn.endswith("Command::policies")]
    deployment.up_with("--replace", urn, *setting_options(*folder.settings))
    assert rules_of(deployment, "Taken") == {"two": "t(3)"}
    congress.ok(deployment.api("GET", "/v1/policies/ForbiddenFlavors"))
    # The record on the host is there, too.
    assert observed("verify")["findings"] == []


def test_actions_are_simulated_before_they_are_applied(
    deployment: Deployment, folder: Folder, clouds: dict[str, Connection]
) -> None:
    def write(condition: str) -> None:
        rule = f"execute[nova:servers.pause(id)] :- nova:servers(id=id, {condition})"
        folder.write("acting", name="Acting", rules=[{"name": "pause", "rule": rule}])

    def simulate() -> str:
        return run([*CONGRESS_HA, "policy", "simulate", folder.path], timeout=120)

    write("status='ACTIVE'")
    shown = simulate()
    for server in clouds["lab"].compute.servers():
        if server.status == "ACTIVE":
            assert f"  ! nova:servers.pause('{server.id}')  (Acting)" in shown.splitlines()
    write("name='nobody is called so'")
    assert "policy Acting executes actions, and it or what it uses is new or changed" in folder.refused(
        deployment
    )
    assert " 0 actions are executed, with " in simulate()
    folder.up(deployment)
    congress.ok(deployment.api("GET", "/v1/policies/Acting"))


def test_files_that_are_gone_are_removed_and_nothing_else(deployment: Deployment, folder: Folder) -> None:
    (folder.path / "acting.yaml").unlink()
    (folder.path / "taken.yaml").unlink()
    (folder.path / "forbidden_flavors.yaml").unlink()
    folder.up(deployment)
    names = {one["name"] for one in congress.ok(deployment.api("GET", "/v1/policies"))["results"]}
    assert names & {*NAMES} == {"Running", "Theirs"}
