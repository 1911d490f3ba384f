"""Automatic upgrades of a host: apt reads the file as in its daily run, over Debian's own files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.render.support.cases import Case, Validator, case, cases
from tests.support.programs import program, run

TEMPLATE = "host/upgrades.conf.j2"
# The files 50unattended-upgrades and 20auto-upgrades of the package unattended-upgrades.
SHIPPED = """
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Origins-Pattern {
  "origin=Debian,codename=${distro_codename},label=Debian";
  "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
};
"""


def apt(text: str, folder: Path) -> tuple[int, list[tuple[str, str]], str]:
    """Exit status, all (option, value) pairs, errors. A file of APT_CONFIG is read before the others."""
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    (parts / "50shipped").write_text(SHIPPED)
    (parts / "90ours").write_text(text)
    main = folder / "apt.conf"
    main.write_text(f'Dir::Etc::parts "{parts}"; Dir::Etc::main "/dev/null";\n')
    checked = run(program("apt-config"), "dump", env={"APT_CONFIG": str(main)})
    lines = [re.fullmatch(r'(\S*) "(.*)";', line) for line in checked.stdout.splitlines()]
    return checked.returncode, [(line[1], line[2]) for line in lines if line], checked.stderr


def values(text: str, folder: Path, option: str) -> list[str]:
    """Values of an option, or the elements of a list."""
    options = apt(text, folder)[1]
    return [value for name, value in options if name.removesuffix("::") == option and value]


@pytest.mark.parametrize("case", cases(Validator.APT), ids=str)
def test_apt_accepts_it(case: Case, tmp_path: Path) -> None:
    status, _, errors = apt(case.text, tmp_path)
    assert (status, errors) == (0, "")


def test_apt_refuses_what_is_wrong(tmp_path: Path) -> None:
    text = case(TEMPLATE).text
    assert apt(text.replace('Enable "1";', 'Enable "1'), tmp_path)[0] != 0


@pytest.mark.parametrize(("variant", "value"), [("upgrades", "1"), ("no-upgrades", "0")])
def test_the_setting_overrides_debian_s_default(tmp_path: Path, variant: str, value: str) -> None:
    text = case(TEMPLATE, variant).text
    for option in ("Update-Package-Lists", "Unattended-Upgrade"):
        assert values(text, tmp_path, f"APT::Periodic::{option}") == [value]


def test_security_updates_alone_and_no_reboot(tmp_path: Path) -> None:
    text = case(TEMPLATE).text
    (origin,) = values(text, tmp_path, "Unattended-Upgrade::Origins-Pattern")
    assert origin == "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"
    assert values(text, tmp_path, "Unattended-Upgrade::Automatic-Reboot") == ["false"]


@pytest.mark.parametrize(
    "package",
    [
        *("mariadb-server", "rabbitmq-server", "erlang-base", "haproxy"),
        *("pacemaker", "pacemaker-cli-utils", "corosync"),
    ],
)
def test_upgrades_restart_no_service_of_the_stack(tmp_path: Path, package: str) -> None:
    """unattended-upgrade matches each expression with the beginning of a package's name."""
    blacklist = values(case(TEMPLATE).text, tmp_path, "Unattended-Upgrade::Package-Blacklist")
    assert any(re.match(expression, package) for expression in blacklist)
    assert not any(re.match(expression, "libssl3") for expression in blacklist)
