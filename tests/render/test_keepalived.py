"""keepalived.conf and the rules of nftables around it: checked by keepalived, nft and systemd."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.foundation.template import ROOT, render_step
from tests.render.support.cases import Case, Validator, case, cases
from tests.support.programs import private, program, run

FILES = ROOT / "files/load_balancer"
TEMPLATE = "load_balancer/keepalived.conf.j2"


def keepalived(text: str, folder: Path) -> tuple[int, str]:
    """What keepalived says of it, on a host with a network device, asked as the step asks it."""
    script = render_step("load_balancer/keepalived.sh.j2", case("load_balancer/keepalived.sh.j2").context)
    (asked,) = re.findall(r"^sed 's/script_user.*?--use-file=\S+", script, re.MULTILINE | re.DOTALL)
    for name, content in {"keepalived.conf.new": text, "device.conf": "$DEVICE=eth0\n"}.items():
        (folder / name).write_text(content)
    programs = folder / "sbin"
    programs.mkdir(exist_ok=True)
    (programs / "congress-endpoint").write_bytes((FILES / "congress-endpoint").read_bytes())
    (programs / "congress-endpoint").chmod(0o755)
    program("keepalived")
    commands = f"ip link add eth0 type veth peer name eth1\nSTATE={folder}\n{asked}"
    mounts = {"/etc/keepalived": folder, "/usr/local/sbin": programs}
    checked = run(*private([program("bash"), "-c", commands], mounts))
    return checked.returncode, checked.stdout + checked.stderr


@pytest.mark.parametrize("case", cases(Validator.KEEPALIVED), ids=str)
def test_keepalived_takes_it_without_a_word(case: Case, tmp_path: Path) -> None:
    assert keepalived(case.text, tmp_path) == (0, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [("nopreempt", "nopreemption"), ("advert_int 0.3", "advert_int x"), ("min_ttl 255", "min_ttl 256")],
)
def test_keepalived_refuses_what_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    text = case(TEMPLATE).text
    assert old in text
    status, said = keepalived(text.replace(old, new), tmp_path)
    assert status != 0
    assert "Line " in said


def test_the_two_say_the_same_of_each_other() -> None:
    first, second = (case(TEMPLATE, f"{name}-of-two").text for name in ("first", "second"))
    swapped = (
        first.replace("10.20.0.4", "here").replace("10.20.0.7", "10.20.0.4").replace("here", "10.20.0.7")
    )
    assert swapped.replace("router_id load-balancer\n", "router_id load-balancer-2\n") == second


def test_whoever_has_the_address_keeps_it() -> None:
    for text in (case(TEMPLATE, f"{name}-of-two").text for name in ("first", "second")):
        assert re.findall(r"^\s*(state \w+|nopreempt|priority \d+)$", text, re.MULTILINE) == [
            "state BACKUP",
            "nopreempt",
            "priority 200",
        ]


@pytest.mark.parametrize("case", cases(Validator.NFTABLES), ids=str)
def test_nft_takes_it_and_takes_it_again(case: Case, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text(case.text)
    twice = f"nft -f {rules} && nft -f {rules} && nft list chain inet congress-ha-vrrp input"
    checked = run(*private([program("bash"), "-c", twice], {}))
    assert checked.returncode == 0, checked.stderr
    accepted = [
        line.strip() for line in checked.stdout.splitlines() if "accept" in line and "policy" not in line
    ]
    assert accepted == ['iif "lo" accept', f"ip saddr {case.context['other']['address']} accept"]


def test_systemd_takes_what_stands_beside_keepalived_s_unit(tmp_path: Path) -> None:
    shipped = Path("/lib/systemd/system/keepalived.service")
    program("keepalived")
    unit = tmp_path / "keepalived.service"
    unit.write_text(shipped.read_text())
    beside = tmp_path / "keepalived.service.d"
    beside.mkdir()
    programs = tmp_path / "sbin"
    programs.mkdir()
    (programs / "congress-endpoint").touch(mode=0o755)
    text = (FILES / "keepalived.service.conf").read_text()

    def verdict(text: str) -> str:
        (beside / "congress-ha.conf").write_text(text)
        argv: list[str | Path] = [program("systemd-analyze"), "verify", "--man=no", unit]
        checked = run(*private(argv, {"/usr/local/sbin": programs}))
        return checked.stdout + checked.stderr

    assert verdict(text) == ""
    assert "RestartSecs" in verdict(text.replace("RestartSec=", "RestartSecs="))


def test_the_endpoint_s_program_is_sound() -> None:
    checked = run(program("shellcheck"), "--norc", "--severity=style", "-x", FILES / "congress-endpoint")
    assert checked.stdout == ""
