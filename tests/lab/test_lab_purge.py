"""What `purge` must not harm. Its functions run as they are, where links, addresses and tables are the test's own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = "export SERVICE_PASSWORD=x\n"


def lab(folder: Path, script: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The lab's functions with `ip` and `nft` of this folder."""
    sources = f". {ROOT}/lab/lib/common.sh; . {ROOT}/lab/lib/network.sh; {script}"
    path = f"{folder}/bin:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", sources],
        env={"PATH": path, "LAB_STATE": str(folder / "state"), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("content", ["data", "mark/controller", "secrets.env"])
def test_a_folder_that_is_not_the_lab_s_is_neither_taken_nor_removed(tmp_path: Path, content: str) -> None:
    file = tmp_path / "state" / content
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    done = lab(tmp_path, "claim_state")
    assert done.returncode == 1
    assert "holds what is not a lab's" in done.stderr
    assert [one for one in (tmp_path / "state").rglob("*") if one.is_file()] == [file]
    # The program itself, up to its first check. Without the check it would go on, so everything behind it is cut off.
    head = (ROOT / "lab/purge").read_text().split("# Without a state folder")[0].splitlines()
    script = "\n".join(
        line for line in head if not line.startswith((". ", "#", "set ")) and "id -u" not in line
    )
    done = lab(tmp_path, f"{script}\necho went on")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"LAB_STATE={tmp_path}/state is no lab's: nothing was removed" in done.stderr
    assert lab(tmp_path, script, LAB_STATE="/").returncode == 1


def test_a_lab_is_known_by_its_sign_and_an_older_one_by_what_it_has(tmp_path: Path) -> None:
    assert lab(tmp_path, "claim_state; claim_state; is_lab_state").returncode == 0
    older = tmp_path / "older"
    (older / "mark").mkdir(parents=True)
    (older / "secrets.env").write_text(SECRETS)
    assert lab(tmp_path, "is_lab_state; claim_state", LAB_STATE=str(older)).returncode == 0
    assert (older / "congress-lab.state").exists()
    (tmp_path / "empty").mkdir()
    assert lab(tmp_path, "claim_state", LAB_STATE=str(tmp_path / "empty")).returncode == 0


@pytest.mark.parametrize(
    ("links", "rules", "told"),
    [
        ("bridge) echo '3: docker0: <UP> mtu 1500' ;;", "", "docker0"),
        ("veth) echo '4: veth1@if3: <UP> mtu 1500' ;;", "", "veth1"),
        ("wireguard) echo '5: wg0: <UP> mtu 1420' ;;", "", "wg0"),
        ("", "table ip nat {\n masquerade\n}", "nftables table ip nat"),
        ("", "table inet filter {\n accept\n}", ""),
        ("", "", ""),
    ],
)
def test_forwarding_stays_on_for_whoever_needs_it(tmp_path: Path, links: str, rules: str, told: str) -> None:
    for name, text in (("ip", f'case "$5" in\n{links}\nesac'), ("nft", f"cat <<'N'\n{rules}\nN")):
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/bash\n{text}\n")
        file.chmod(0o755)
    state = tmp_path / "state"
    state.mkdir()
    (state / "switched-ip-forward-on").touch()
    assert lab(tmp_path, "forwards_too").stdout.strip() == told
    if told:
        done = lab(tmp_path, "restore_ip_forward")
        assert f"net.ipv4.ip_forward stays 1, for what is here by now: {told}" in done.stdout
        assert done.returncode == 0
