"""Policies as code in the stack: applied, owned, changed rule by rule, protected and removed (docs/policies.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from openstack.connection import Connection

from policy_code.on_host import RECORD
from tests.acceptance.support import congress
from tests.acceptance.support.deployment import (
    CONGRESS_HA,
    PULUMI,
    CommandError,
    Deployment,
    run,
    setting_options,
)
from tests.acceptance.support.policies_folder import (
    NAMES,
    SYNC,
    Folder,
    evaluated,
    forget,
    observed,
    of_policies,
    rules_of,
)

pytestmark = pytest.mark.timeout(900)


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
    assert deployment.outputs["policies"]["policies"] == 2
    status = congress.ok(deployment.api("GET", "/v1/data-sources/nova/status"))
    assert status["last_error"] == "None", status


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


@pytest.mark.full
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
    declared = rules_of(deployment, "Taken")
    congress.ok(deployment.api("POST", "/v1/policies/Taken/rules", {"name": "by hand", "rule": "t(7)"}))
    congress.forget(deployment, "ForbiddenFlavors")
    assert sorted(of_policies("verify")) == [
        "policy ForbiddenFlavors is gone",
        "rule by hand was added to policy Taken: t(7)",
    ]
    (urn,) = [urn for urn in deployment.resources() if urn.endswith("Command::policies")]
    deployment.up_with("--replace", urn, *setting_options(*folder.settings))
    assert rules_of(deployment, "Taken") == declared
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
