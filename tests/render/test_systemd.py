"""Units and drop-ins, each validated by systemd."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.render.support.cases import Case, Validator, case, cases
from tests.support.programs import private, program, run


def systemd(text: str, folder: Path) -> tuple[int, str]:
    """Result for a unit, on a host with our programs in /usr/local/bin and the agent of the engine."""
    unit = folder / "congress-policy-engine@policy-engine-1.service"
    unit.write_text(text)
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("congress-server", "congress-drain"):
        (programs / name).touch(mode=0o755)
    agent = folder / "congress-agent-check-policy-engine-1.service"
    agent.write_text(case("policy_engines/agent.service.j2").text)
    argv = private([program("systemd-analyze"), "verify", "--man=no", unit], {"/usr/local/bin": programs})
    checked = run(*argv)
    return checked.returncode, checked.stdout + checked.stderr


@pytest.mark.parametrize("case", cases(Validator.SYSTEMD), ids=str)
def test_systemd_accepts_the_unit(case: Case, tmp_path: Path) -> None:
    assert systemd(case.text, tmp_path) == (0, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Restart=always", "Restart=alwayss"),
        ("TimeoutStopSec", "TimeoutStop"),
        ("/congress-server", "/no-server"),
    ],
)
def test_systemd_reports_what_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    text = case("policy_engines/unit.service.j2").text
    assert old in text
    assert systemd(text.replace(old, new), tmp_path)[1]


def test_unit_starts_the_documents_command_and_stays_up() -> None:
    """The document: `congress-server --api --policy-engine --node-id=<unique_node_id>`."""
    lines = [
        line.split("=", 1) for line in case("policy_engines/unit.service.j2").text.splitlines() if "=" in line
    ]
    service = {key: value for key, value in lines if not key.startswith("#")}
    assert service["ExecStart"].split() == [
        "/usr/local/bin/congress-server",
        *("--config-file", "/etc/congress/congress.conf"),
        *("--config-file", "/etc/congress/%i.conf"),
        "--api",
        "--policy-engine",
        "--node-id=%i",
    ]
    # Congress ends with status 0 on fatal errors of its database.
    assert service["Restart"] == "always"
    assert service["StartLimitIntervalSec"] == "0"
    assert service["User"] == "congress"


@pytest.mark.parametrize("case", cases(Validator.SYSTEMD), ids=str)
def test_services_for_clients_are_confined(case: Case, tmp_path: Path) -> None:
    """An exposure of 10 means that a process may do everything its user may; without the sandbox it is 9.2."""
    unit = tmp_path / f"{case.template.split('/')[1].split('.')[0]}@a.service"
    unit.write_text(case.text)
    checked = run(
        program("systemd-analyze"), "security", "--offline=true", "--threshold=20", "--no-pager", unit
    )
    assert checked.returncode == 0, checked.stdout


def drop_in(text: str, folder: Path) -> tuple[int, str]:
    """Result for a drop-in of Pacemaker's unit."""
    unit = folder / "pacemaker.service"
    unit.write_text(f"[Service]\nExecStart={program('true')}\n")
    beside = folder / "pacemaker.service.d"
    beside.mkdir(exist_ok=True)
    (beside / "congress-ha.conf").write_text(text)
    checked = run(
        "env", f"SYSTEMD_UNIT_PATH={folder}:", program("systemd-analyze"), "verify", "--man=no", unit
    )
    return checked.returncode, checked.stdout + checked.stderr


@pytest.mark.parametrize("case", cases(Validator.SYSTEMD_DROP_IN), ids=str)
def test_systemd_accepts_the_drop_in_of_a_unit(case: Case, tmp_path: Path) -> None:
    assert drop_in(case.text, tmp_path) == (0, "")
    misspelt = re.sub(r"^(\w+)=", r"\1x=", case.text, count=1, flags=re.MULTILINE)
    assert "Unknown key" in drop_in(misspelt, tmp_path)[1]
