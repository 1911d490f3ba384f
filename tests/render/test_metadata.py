"""Only root may use the metadata service: nft accepts the rules, and systemd the unit that loads them at boot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.foundation.template import ROOT
from tests.support.programs import missing, private, program, run

RULES = ROOT / "files/host/congress-ha-metadata.nft"
UNIT = ROOT / "files/host/congress-ha-metadata.service"
METADATA, OWN = "169.254.169.254", "10.20.0.5"
# Listens as the metadata service and as another one, and prints as "user address" who reaches which. The rules stand
# twice, as after a step that ran again.
PROBE = f"""
import os, socket, subprocess, sys
for _ in range(2):
    subprocess.run([sys.argv[1], "-f", sys.argv[2]], check=True)
for address in {METADATA!r}, {OWN!r}:
    server = socket.create_server((address, 80))
    for user in 0, 65534:
        if os.fork() == 0:
            os.setuid(user)
            client = socket.socket()
            client.settimeout(5)
            client.bind(({OWN!r}, 0))
            try:
                client.connect((address, 80))
                print(user, address, "open")
            except OSError as error:
                print(user, address, error.strerror)
            sys.exit()
        os.wait()
"""


def reached(rules: Path) -> list[str]:
    if os.geteuid() != 0:
        missing("not root, so there are no two users")
    argv: list[str | Path] = ["python3", "-c", PROBE, program("nft"), rules]
    done = run(*private(argv, {}, [METADATA, OWN]))
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_only_root_reaches_the_metadata_service() -> None:
    assert reached(RULES) == [
        f"0 {METADATA} open",
        f"65534 {METADATA} Connection refused",
        f"0 {OWN} open",
        f"65534 {OWN} open",
    ]


def test_without_the_rules_every_user_reaches_it(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("table inet congress-ha-metadata\n")
    assert f"65534 {METADATA} open" in reached(rules)


def test_the_ipv6_address_is_closed_as_well() -> None:
    assert "ip6 daddr fe80::a9fe:a9fe goto refuse" in RULES.read_text()


@pytest.mark.parametrize(("type_", "sound"), [("oneshot", True), ("oneshots", False)])
def test_systemd_accepts_the_unit(tmp_path: Path, type_: str, sound: bool) -> None:  # noqa: FBT001
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("Type=oneshot\n", f"Type={type_}\n"))
    checked = run(program("systemd-analyze"), "verify", "--man=no", unit)
    assert (checked.stdout + checked.stderr == "") == sound


def test_other_tables_are_left_alone() -> None:
    assert "flush" not in RULES.read_text()
