"""Policies as code in the program: the step that applies a sound folder, and what a preview shows of it."""

from __future__ import annotations

import json
from pathlib import Path

import pulumi
import pytest

from components.preflight.policies import PoliciesError
from components.preflight.state import POLICIES_BEGUN
from policy_code.on_host import FORGET, OVERWRITE, RECORD, REPAIR
from tests.policy_code.folders import NOVA, policy, write
from tests.support.programs import congress_python, run
from tests.unit.support import recording as recorded
from tests.unit.support.policies import ACTIVE, SECRETS, applied, exported, preview
from tests.unit.support.recording import Recording, settings_with


@pytest.fixture(scope="module")
def with_policies(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    congress_python()
    folder = write(tmp_path_factory.mktemp("policies"), datasources__nova=NOVA, active=ACTIVE)
    return recorded.run(settings_with(policies=str(folder), policySecrets=SECRETS))


def test_only_one_step_is_added_to_a_stack(recording: Recording, with_policies: Recording) -> None:
    added = {urn: one for urn, one in with_policies.resources.items() if urn not in recording.resources}
    assert recording.resources.keys() <= with_policies.resources.keys()
    assert sorted(one.type for one in added.values()) == [
        "command:remote:Command",
        "congress-ha:index:Policies",
        "congress-ha:index:PoliciesBegun",
    ]
    assert with_policies.outputs.keys() - recording.outputs.keys() == {"policies"}
    assert all(one.inputs == with_policies.resources[urn].inputs for urn, one in recording.resources.items())


def test_it_runs_on_an_engine_s_host_after_the_endpoint_has_answered(with_policies: Recording) -> None:
    step = with_policies.step("policies")
    assert with_policies.needs(step, with_policies.step("load-balancer-haproxy"))
    assert step.options.deletedWith.endswith("::policy-engine-host-1")
    assert RECORD in step.inputs["delete"]
    # What is begun is in the state before the first action.
    order = [*with_policies.resources]
    assert order.index(with_policies.of_type(POLICIES_BEGUN)[0].urn) < order.index(step.urn)
    # After the new one has run, it would remove the record that the new one has written.
    assert step.options.deleteBeforeReplace


@pytest.mark.parametrize(
    ("text", "then"), [('"overwrite"\n', OVERWRITE), ('{"policies": {}}\n', REPAIR), (None, REPAIR)]
)
def test_the_record_goes_and_what_the_operator_ordered_stays(
    tmp_path: Path, text: str | None, then: str
) -> None:
    record = tmp_path / "policies.json"
    if text is not None:
        record.write_text(text)
    done = run("bash", "-euc", FORGET.replace(RECORD, str(record)))
    assert (done.returncode, done.stderr, json.loads(record.read_text())) == (0, "", then)


def test_a_secret_is_on_standard_input_alone(with_policies: Recording) -> None:
    step = with_policies.step("policies")
    assert "stdin" in step.secrets
    assert "CANARY-password" in step.inputs["stdin"]
    assert "CANARY-password" not in repr({**step.inputs, "stdin": ""})
    # Nothing of it is secret in the state either, so `recorded` can read it without the passphrase.
    assert applied(with_policies)["datasources"]["nova"]["config"]["password"].keys() == {"secret", "is"}
    assert "CANARY-password" not in repr(applied(with_policies))
    assert "policies" not in with_policies.secret_outputs
    [begun] = with_policies.of_type(POLICIES_BEGUN)
    assert begun.secrets == {"declarations"}


def test_the_stack_shows_how_much_there_is_and_a_digest(tmp_path: Path, with_policies: Recording) -> None:
    shown = dict(with_policies.outputs["policies"])
    digest = shown.pop("digest")
    assert shown == {"datasources": 1, "policies": 1, "rules": 1}
    write(tmp_path, datasources__nova=NOVA, active=ACTIVE)
    for value, same in ((SECRETS["congress-password"], True), ("another", False)):
        again = recorded.run(
            settings_with(policies=str(tmp_path), policySecrets={"congress-password": value})
        )
        assert (again.outputs["policies"]["digest"] == digest) == same


def test_the_first_preview_shows_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    congress_python()
    write(tmp_path, datasources__nova=NOVA, active=ACTIVE)
    assert preview(monkeypatch, tmp_path, None) == [
        "policies: 2 changes, in this order:",
        "+ datasource nova",
        "    + driver: nova",
        "    + config.auth_url: http://192.0.2.1/v3",
        "    + config.username: congress",
        "    + config.password: secret congress-password",
        "    + config.project_name: service",
        "+ policy Active",
        "    + kind: nonrecursive",
        "    + abbreviation: Activ",
        "    + rule active(x) :- nova:servers(id=x)",
    ]


def test_a_preview_without_a_change_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_policies: Recording
) -> None:
    write(tmp_path, datasources__nova=NOVA, active=ACTIVE)
    assert preview(monkeypatch, tmp_path, with_policies) == []


def test_a_preview_shows_rules_and_keys_in_the_order_of_their_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, with_policies: Recording
) -> None:
    new = "active(x) :- nova:servers(id=x, status='ACTIVE')"
    write(
        tmp_path,
        datasources__nova=NOVA.replace("username: congress", "username: reader"),
        active=policy("Active", new),
    )
    assert preview(monkeypatch, tmp_path, with_policies, "CANARY-another") == [
        "policies: 4 changes, in this order:",
        "- rule active(x) :- nova:servers(id=x) of Active: active(x) :- nova:servers(id=x)",
        "- datasource nova, to create it again with",
        "    ~ config.username: congress -> reader",
        "    ~ config.password: secret congress-password, another value",
        "+ datasource nova",
        "    + driver: nova",
        "    + config.auth_url: http://192.0.2.1/v3",
        "    + config.username: reader",
        "    + config.password: secret congress-password",
        "    + config.project_name: service",
        f"+ rule {new} of Active: {new}",
    ]


def test_another_driver_needs_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    congress_python()
    write(tmp_path, datasources__nova=NOVA, active=policy("Active", "kept('b')"))
    first = recorded.run(settings_with(policies=str(tmp_path), policySecrets=SECRETS))
    write(tmp_path, datasources__nova=NOVA.replace("driver: nova", "driver: neutronv2"))
    monkeypatch.setattr(pulumi.Output, "secret", None)  # nothing of the program runs
    with pytest.raises(PoliciesError, match="datasource nova would change its driver from nova to neutronv2"):
        preview(monkeypatch, tmp_path, first)


def test_a_protected_policy_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    congress_python()
    write(tmp_path, datasources__nova=NOVA, active=f"protect: true\n{ACTIVE}")
    first = recorded.run(settings_with(policies=str(tmp_path), policySecrets=SECRETS))
    (tmp_path / "active.yaml").unlink()
    with pytest.raises(
        PoliciesError, match="policy Active is protected, and this would delete it: set `protect"
    ):
        preview(monkeypatch, tmp_path, first)


def test_a_setting_that_is_gone_leaves_a_warning(
    monkeypatch: pytest.MonkeyPatch, with_policies: Recording
) -> None:
    logged: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lambda text, **_: logged.append(text))
    monkeypatch.setattr(recorded, "EXPORTED", exported(with_policies))
    recorded.run()
    assert [text for text in logged if "the setting policies is gone" in text]
