"""What `purge` and `down` must not harm: their real functions, with links, addresses and tables of the test."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = "export SERVICE_PASSWORD=x\n"


def lab(folder: Path, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The lab's functions with `ip` and `nft` of this folder."""
    sources = "".join(f". {ROOT}/lab/lib/{name}.sh\n" for name in ("common", "network", "stop")) + script
    path = f"{folder}/bin:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", sources],
        env={"PATH": path, "LAB_STATE": str(folder / "state"), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


COMMANDS = {"purge": '[ ! -d "$LAB_STATE" ] || take_lock', "down": '[ -d "$LAB_STATE" ] ||'}


def checks(command: str = "purge") -> str:
    """The command up to its last check; the rest would stop the lab of this machine."""
    head, harm = (ROOT / "lab" / command).read_text().split(COMMANDS[command])
    assert "lab_stop" in harm
    lines = [
        line
        for line in head.splitlines()
        if not line.startswith((". ", "#", "set ", "for a")) and "id -u" not in line
    ]
    return "\n".join([*lines, "echo went on"])


@pytest.mark.parametrize("content", ["data", "mark/controller", "secrets.env"])
def test_a_folder_that_is_not_the_lab_s_is_neither_taken_nor_removed(tmp_path: Path, content: str) -> None:
    file = tmp_path / "state" / content
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    done = lab(tmp_path, "claim_state")
    assert done.returncode == 1
    assert "contains files that no lab created" in done.stderr
    assert [one for one in (tmp_path / "state").rglob("*") if one.is_file()] == [file]
    for command in COMMANDS:
        done = lab(tmp_path, checks(command))
        assert (done.returncode, done.stdout) == (1, "")
        assert f"LAB_STATE={tmp_path}/state is not the folder of a lab: nothing was done" in done.stderr
        assert lab(tmp_path, checks(command), LAB_STATE="/").returncode == 1
        assert lab(tmp_path, checks(command), LAB_STATE=str(file)).returncode == 1


# A lab of names that this machine does not have; the test simulates its processes and mounts.
NODES = {"LAB_NAME": "no-lab", "LAB_NODES": "no-lab-1=192.0.2.1 no-lab-2=192.0.2.2"}
RUNS = 'lab_group() { echo "$FOLDER/group/$1"; }; mount_points() { cat "$FOLDER/mounts"; }\n'


def purged(folder: Path, *, mounted: str = "", runs: str = "", given: bool = True, **env: str) -> str:
    """The error of both commands' checks for the simulated lab of this folder; empty if they would continue."""
    (folder / "mounts").write_text(f"/proc\n{mounted}/node/no-lab-2/root\n" if mounted else "/proc\n")
    if runs:
        (folder / "group" / runs).mkdir(parents=True)
        (folder / "group" / runs / "cgroup.procs").write_text("1\n")
    not_given = "" if given else "state_is_given=\n"
    errors = set()
    for command in COMMANDS:
        done = lab(folder, RUNS + not_given + checks(command), **(NODES | env), FOLDER=str(folder))
        assert (done.returncode, done.stdout) in [(0, "went on\n"), (1, "")], done.stderr
        assert bool(done.returncode) == bool(done.stderr)
        errors.add(re.sub(r"^\[ *[0-9.]+s\] ", "", done.stderr))
    (error,) = errors
    return error


def claimed(folder: Path) -> Path:
    folder.mkdir()
    (folder / "congress-lab.state").touch()
    return folder


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("has_state", [True, False])
def test_a_lab_that_runs_from_another_folder_is_not_killed(
    tmp_path: Path, *, has_state: bool, given: bool
) -> None:
    if has_state:
        claimed(tmp_path / "state")
    error = purged(tmp_path, mounted="/its/folder", runs="no-lab-1", given=given)
    assert "lab no-lab has its folder in /its/folder" in error
    assert "nothing was done; set LAB_STATE=/its/folder" in error


@pytest.mark.parametrize("runs", ["no-lab-2", "build"])
def test_a_misspelt_folder_is_distinguished_from_a_removed_one(tmp_path: Path, runs: str) -> None:
    error = purged(tmp_path, runs=runs)
    assert f"LAB_STATE={tmp_path}/state has no lab, and lab no-lab runs from another folder" in error
    assert purged(tmp_path, given=False) == ""


def test_an_interrupted_lab_can_be_purged(tmp_path: Path) -> None:
    assert purged(tmp_path) == ""
    state = claimed(tmp_path / "state")
    assert purged(tmp_path) == ""
    assert purged(tmp_path, mounted=str(state)) == ""
    assert purged(tmp_path, mounted=str(state), runs="no-lab-1") == ""
    assert purged(tmp_path, runs="build") == ""


@pytest.mark.parametrize("signed", ["congress-lab.state", "older"])
def test_an_interrupted_removal_can_be_repeated(tmp_path: Path, signed: str) -> None:
    """Interrupted at each `rm`, in their order."""
    state = tmp_path / "state"
    for name in ("mark", "node/no-lab-1", "run"):
        (state / name).mkdir(parents=True)
    (state / "secrets.env").write_text(SECRETS)
    (state / signed).touch()
    script = 'rm() { command rm "$@"; exit 7; }\n'
    one_by_one = 'find() { for f in $(command find "${@:1:$#-5}"); do rm -rf "$f"; done; }\n'
    cuts = 0
    while (done := lab(tmp_path, f"{script}{one_by_one}remove_state")).returncode == 7 and state.exists():
        assert purged(tmp_path) == ""
        cuts += 1
    assert done.stderr == ""
    assert cuts >= 4
    assert not state.exists()
    state.mkdir()
    assert purged(tmp_path) == ""
    assert lab(tmp_path, "remove_state").returncode == 0


def test_a_lab_of_other_names_is_not_asked(tmp_path: Path) -> None:
    assert purged(tmp_path, mounted="/its/folder", LAB_NODES="second=192.0.2.3", given=False) == ""


def test_a_lab_is_known_by_its_sign_and_an_older_one_by_what_it_has(tmp_path: Path) -> None:
    assert lab(tmp_path, "claim_state; claim_state; is_lab_state").returncode == 0
    older = tmp_path / "older"
    (older / "mark").mkdir(parents=True)
    (older / "secrets.env").write_text(SECRETS)
    assert lab(tmp_path, "is_lab_state; claim_state", LAB_STATE=str(older)).returncode == 0
    assert (older / "congress-lab.state").exists()
    (tmp_path / "empty").mkdir()
    assert lab(tmp_path, "claim_state", LAB_STATE=str(tmp_path / "empty")).returncode == 0


def test_an_older_lab_that_was_cut_off_before_its_secrets_is_a_lab(tmp_path: Path) -> None:
    """If it counted as nobody's, it could be neither purged nor continued."""
    state = tmp_path / "state"
    for name in ("log", "run", "mark", "common/usr"):
        (state / name).mkdir(parents=True)
    assert lab(tmp_path, "claim_state").returncode == 1
    (state / "lock").touch()
    (state / "log/common.log").write_text("half")
    assert purged(tmp_path) == ""
    (state / "mine").touch()
    assert "is not the folder of a lab: nothing was done" in purged(tmp_path)
    (state / "mine").unlink()
    assert lab(tmp_path, "claim_state; remove_state").returncode == 0
    assert not state.exists()


@pytest.mark.parametrize(
    ("links", "rules", "users"),
    [
        ("bridge) echo '3: docker0: <UP> mtu 1500' ;;", "", "docker0"),
        ("veth) echo '4: veth1@if3: <UP> mtu 1500' ;;", "", "veth1"),
        ("wireguard) echo '5: wg0: <UP> mtu 1420' ;;", "", "wg0"),
        ("", "table ip nat {\n masquerade\n}", "nftables table ip nat"),
        ("", "table inet filter {\n accept\n}", ""),
        ("", "", ""),
    ],
)
def test_forwarding_stays_on_for_whoever_needs_it(tmp_path: Path, links: str, rules: str, users: str) -> None:
    for name, text in (("ip", f'case "$5" in\n{links}\nesac'), ("nft", f"cat <<'N'\n{rules}\nN")):
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/bash\n{text}\n")
        file.chmod(0o755)
    state = tmp_path / "state"
    state.mkdir()
    (state / "switched-ip-forward-on").touch()
    assert lab(tmp_path, "forwards_too").stdout.strip() == users
    if users:
        done = lab(tmp_path, "restore_ip_forward")
        assert f"net.ipv4.ip_forward stays 1, because it is also needed by: {users}" in done.stdout
        assert done.returncode == 0


@pytest.mark.parametrize(
    ("addresses", "own"),
    [
        ("10.0.0.1/24", True),
        ("", True),  # half created
        ("10.0.0.1/24 10.0.0.230/32 10.0.0.231/32", True),  # clients of an acceptance run that was killed
        ("10.0.0.11/24", False),
        ("192.0.2.1/24 10.0.0.230/32", False),
    ],
)
def test_the_lab_s_bridge_is_known_by_its_address(tmp_path: Path, addresses: str, own: object) -> None:
    file = tmp_path / "bin/ip"
    file.parent.mkdir()
    shown = "\n".join(f"7: lab-ext    inet {address} scope global" for address in addresses.split())
    file.write_text(f"#!/bin/bash\ncase $2 in link) echo 7: lab-ext ;; -o) echo '{shown}' ;; esac\n")
    file.chmod(0o755)
    assert (lab(tmp_path, "is_lab_bridge lab-ext 10.0.0.1").returncode == 0) is own
