"""`make venv` and `make validators`: what they install, and how they report what they cannot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.scripts.support.checkout import Checkout


@pytest.mark.parametrize("python", ["/nowhere/python3", "/bin/true", "/bin/false"])
def test_what_is_no_python_is_named(checkout: Checkout, python: str) -> None:
    (checkout.root / ".venv").unlink()
    done = checkout.run("make", "venv", f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        f"venv: PYTHON={python} is not a Python >= 3.11; install one, or name one: "
        "make venv PYTHON=/usr/bin/python3.12"
    )


def test_uv_takes_over_pips_settings(checkout: Checkout, tmp_path: Path) -> None:
    pip_conf = tmp_path / "pip.conf"
    pip_conf.write_text("[global]\ncert = /etc/own-ca.pem\nindex-url = http://192.0.2.1/simple\n")
    show = "source scripts/common.sh; uv_like_pip; echo $SSL_CERT_FILE $UV_DEFAULT_INDEX"
    clean = {"SSL_CERT_FILE": "", "UV_DEFAULT_INDEX": ""}
    done = checkout.run(
        "env",
        "-u",
        "PIP_CERT",
        "-u",
        "PIP_INDEX_URL",
        "bash",
        "-c",
        show,
        PIP_CONFIG_FILE=str(pip_conf),
        **clean,
    )
    assert done.stdout == "/etc/own-ca.pem http://192.0.2.1/simple\n", done.stderr
    done = checkout.run("bash", "-c", show, SSL_CERT_FILE="/mine", UV_DEFAULT_INDEX="http://mine")
    assert done.stdout == "/mine http://mine\n"


def _install_validators(checkout: Checkout, ci: str) -> subprocess.CompletedProcess[str]:
    """Install the validators on a system that only lacks dpkg-query, so it is not Debian."""
    checkout.script("files/congress/constraints.txt", "")
    sums = subprocess.run(
        ["bash", "-c", "sha256sum files/congress/constraints.txt scripts/validators | sha256sum"],
        cwd=checkout.root,
        capture_output=True,
        check=True,
    ).stdout
    stamp = checkout.root / ".validators/congress/pins.sha256"
    stamp.parent.mkdir(parents=True)
    stamp.write_bytes(sums)
    few = checkout.root / "few"
    few.mkdir()
    for name in ("bash", "env", "dirname", "sha256sum", "cat", "flock", "mkdir", "python3.11", "cut", "rm"):
        if path := shutil.which(name):
            (few / name).symlink_to(path)
    return checkout.run("scripts/validators", PATH=str(few), CI=ci)


def test_validators_that_cannot_be_installed_are_named(checkout: Checkout) -> None:
    done = _install_validators(checkout, ci="")
    assert done.returncode == 0, done.stderr
    assert "not Debian" in done.stdout
    assert "haproxy" in done.stdout
    assert "skipped" in done.stdout


def test_in_ci_a_missing_validator_is_a_failure(checkout: Checkout) -> None:
    done = _install_validators(checkout, ci="true")
    assert done.returncode == 1
    assert "not Debian" in done.stderr


@pytest.mark.parametrize("linked", [True, False])
def test_the_folder_of_the_former_name_is_removed_unless_it_is_linked(
    checkout: Checkout, tmp_path: Path, *, linked: bool
) -> None:
    target, former = tmp_path / "of-another-checkout", checkout.root / ".judges"
    target.mkdir()
    if linked:
        former.symlink_to(target)
    else:
        former.mkdir()
    (former / "apt.log").touch()
    assert _install_validators(checkout, ci="").returncode == 0
    assert former.exists() is linked
    assert (target / "apt.log").exists() is linked
