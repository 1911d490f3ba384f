"""Policies as code in the program: folders that are refused before anything is created, and sound ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.preflight.policies import PoliciesError, look_up, require_simulation
from components.preflight.state import State
from policy_code.begun import NOTHING_BEGUN, Begun
from policy_code.declaration import declaration
from policy_code.folder import Folder
from policy_code.plan import Declaration
from policy_code.simulated import record
from tests.policy_code.folders import NOVA, policy, write
from tests.support.programs import congress_python
from tests.unit.support import recording as recorded
from tests.unit.support.parsing import parse
from tests.unit.support.policies import ACTIVE, SECRETS
from tests.unit.support.recording import settings_with

EMPTY = (
    "the folder declares nothing: add a policy, as docs/policies.md shows; or, to delete what the stack has, an empty "
    "file .gitkeep"
)


def refused(folder: Path, **secrets: str) -> list[str]:
    congress_python()
    with pytest.raises(PoliciesError) as caught:
        look_up(parse(settings_with(policies=str(folder), policySecrets=secrets)))
    assert "CANARY" not in str(caught.value)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_a_stack_without_the_setting_has_no_folder() -> None:
    assert look_up(parse(settings_with())) is None
    assert look_up(parse(settings_with(policies=""))) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("none", "there is no such folder: name the one that has the policies"),
        ("file", "is a file, not a folder: name the one that has the policies"),
        ("empty", EMPTY),
    ],
)
def test_a_setting_that_names_no_folder_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / name) == [f"congress-ha:policies: {tmp_path}/{name}: {text}"]


def test_a_folder_may_be_empty_on_purpose(tmp_path: Path) -> None:
    """Otherwise its last policy could not be deleted."""
    congress_python()
    (tmp_path / ".gitkeep").touch()
    folder = look_up(parse(settings_with(policies=str(tmp_path))))
    assert folder is not None
    assert folder.in_order() == []


def test_a_sound_folder_is_taken(tmp_path: Path) -> None:
    congress_python()
    write(tmp_path, datasources__nova=NOVA, active=ACTIVE)
    folder = look_up(parse(settings_with(policies=str(tmp_path), policySecrets=SECRETS)))
    assert folder is not None
    assert [one.name for one in folder.in_order()] == ["nova", "Active"]


def test_all_problems_of_all_files_are_shown_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        datasources__nova=NOVA.replace("driver: nova", "driver: nowa"),
        active=ACTIVE,
        other=policy("Other", "a(x) :- Active:activ(x)", "b(x) :- c(x"),
        third="name: Third\nrulez: []\n",
    )
    problems = refused(tmp_path)
    assert [problem.partition(": ")[0] for problem in problems] == [
        "datasources/nova.yaml:6",  # the secret that the stack does not have
        "datasources/nova.yaml:2",
        "other.yaml:3",
        "other.yaml:4",
        "third.yaml:1",
        "third.yaml:2",
    ]


def test_a_secret_that_no_file_names_is_shown(tmp_path: Path) -> None:
    write(tmp_path, datasources__nova=NOVA, active=ACTIVE)
    assert refused(tmp_path, **SECRETS, other="CANARY") == [
        "congress-ha:policySecrets.other: no datasource names this secret: remove it"
    ]


def test_without_congress_s_python_the_way_out_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policy_code.congress.PYTHON", tmp_path / "a/bin/python")
    write(tmp_path, datasources__nova=NOVA, active=ACTIVE)
    with pytest.raises(PoliciesError, match=r"congress-ha:policies: .* make validators"):
        look_up(parse(settings_with(policies=str(tmp_path), policySecrets=SECRETS)))


PAUSE = policy("Pause", "execute[nova:servers.pause(x)] :- nova:servers(id=x)")


@pytest.fixture
def acting(tmp_path: Path) -> Folder:
    """With a policy that executes actions, as the program reads it."""
    congress_python()
    write(tmp_path, datasources__nova=NOVA, pause=PAUSE)
    folder = look_up(parse(settings_with(policies=str(tmp_path), policySecrets=SECRETS)))
    assert folder is not None
    return folder


def problems_of(
    acting: Folder,
    path: Path,
    before: Declaration | None = None,
    begun: Begun = NOTHING_BEGUN,
    **settings: str,
) -> list[str]:
    """Why `up` refuses it."""
    parsed = parse(settings_with(policies=str(path), policySecrets=SECRETS, **settings))
    try:
        require_simulation(parsed, "dev", acting, State((), policies=before, begun=begun))
    except PoliciesError as error:
        return [*error.problems]
    return []


def test_a_policy_that_executes_actions_is_simulated_before_it_is_applied(
    acting: Folder, tmp_path: Path
) -> None:
    (refusal,) = problems_of(acting, tmp_path)
    assert refusal == (
        "policy Pause executes actions, and it or what it uses is new or changed: congress-ha --stack dev policy "
        f"simulate {tmp_path} shows which ones, and lets `up` apply it; or set congress-ha:policyActions: unchecked"
    )
    assert problems_of(acting, tmp_path, policyActions="unchecked") == []
    declared = declaration(acting, SECRETS, "key")
    assert problems_of(acting, tmp_path, declared) == []
    # An `up` that failed may have deleted it.
    without = {**declared, "policies": {}}
    assert problems_of(acting, tmp_path, declared, Begun(1, ["d"], [without], finished=False)) == [refusal]
    assert problems_of(acting, tmp_path, declared, Begun(1, ["d"], [without])) == []
    record(tmp_path, "prod", declared, ["Pause"])
    assert problems_of(acting, tmp_path) == [refusal]
    record(tmp_path, "dev", declared, ["Pause"])
    assert problems_of(acting, tmp_path) == []


def test_a_preview_shows_what_is_not_simulated(
    acting: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", warned.append)
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: True)
    assert problems_of(acting, tmp_path) == []
    assert warned[0].startswith("`up` will refuse this:\npolicy Pause executes actions")


def test_the_program_refuses_a_bad_folder_before_it_registers_anything(tmp_path: Path) -> None:
    write(tmp_path, active=ACTIVE)
    congress_python()
    with pytest.raises(PoliciesError):
        recorded.run(settings_with(policies=str(tmp_path)))
