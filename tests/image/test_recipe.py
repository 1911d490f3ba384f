"""The recipe of the prebuilt image covers what the steps install, and its digest changes with its contents."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.foundation.host import package_environment
from image import recipe
from lab import precheck
from roles import ROLES
from settings import Guest
from tests.render.support.cases import Validator, case, cases
from tests.support.programs import program, run

INSTALLS = re.compile(r"^ *install_packages (.+)$", re.MULTILINE)
# What this step installs is in the table of roles.
OF_ROLES = "congress_host/packages.sh.j2"
PATHS = (*recipe.PARTS, *recipe.WORK, *(f"files/congress/{name}" for name in recipe.PINS))


def test_it_has_every_package_that_a_step_of_any_role_installs_and_no_other() -> None:
    steps = {
        package
        for step in cases(Validator.BASH)
        if step.template != OF_ROLES
        for packages in INSTALLS.findall(step.text)
        for package in packages.split()
    }
    assert {"mariadb-server", "unattended-upgrades", "fence-agents"} <= steps
    roles = {package for role in ROLES for package in role.packages}
    assert {*recipe.PACKAGES, *recipe.ON_EVERY_HOST} == steps | roles


def test_every_service_of_a_role_that_a_package_starts_is_masked() -> None:
    names = {service for role in ROLES for service in role.services if not service.startswith("congress-")}
    units = {f"{name}.service" for name in names}
    assert len(units) == 5
    assert units <= set(recipe.MASKED)


@pytest.mark.parametrize("variant", ["messaging", "cluster"])
def test_the_bus_gets_the_port_mapper_that_it_wants(variant: str) -> None:
    text = case("messaging/rabbitmq.sh.j2", variant).text
    (unmasked,) = re.findall(r"^systemctl unmask -q (.+)$", text, re.MULTILINE)
    assert set(unmasked.split()) == {unit for unit in recipe.MASKED if unit.startswith("epmd")}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with what the recipe reads."""
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(recipe.ROOT / path, tmp_path / path)
    monkeypatch.setattr(recipe, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", PATHS)
def test_a_changed_pin_or_script_is_another_recipe(copy: Path, path: str) -> None:
    before = recipe.digest()
    with (copy / path).open("a") as file:
        file.write("# more\n")
    assert recipe.digest() != before


@pytest.mark.parametrize("name", ["PACKAGES", "ON_EVERY_HOST", "MASKED"])
def test_a_changed_list_is_another_recipe(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = recipe.digest()
    monkeypatch.setattr(recipe, name, (*getattr(recipe, name), "another"))
    assert recipe.digest() != before


def test_the_script_is_sound_and_names_its_digest(tmp_path: Path) -> None:
    script = tmp_path / "contents"
    script.write_text(recipe.script())
    assert f" recipe={recipe.digest()}\n" in recipe.script()
    assert run("bash", "-n", script).stderr == ""
    assert run(program("shellcheck"), "--norc", "--severity=style", "--exclude=SC2016", script).stdout == ""


def test_the_system_s_python_runs_it(tmp_path: Path) -> None:
    """The lab makes the image before there is a .venv."""
    command = [sys.executable, "-S", "-m", "image.recipe"]
    printed = subprocess.run(command, cwd=recipe.ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout == f"{recipe.digest()}\n"
    subprocess.run([*command, tmp_path / "inputs"], cwd=recipe.ROOT, check=True)
    assert (tmp_path / "inputs/contents").read_text() == recipe.script()
    assert (tmp_path / "inputs").stat().st_mode & 0o777 == 0o700


def test_the_package_index_of_the_machine_is_no_part_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recipe.digest()
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:p'w@pypi.example/simple")
    recipe.write(tmp_path)
    variables = (tmp_path / "index.env").read_text()
    shown = run("bash", "-c", f'. {tmp_path}/index.env; echo "$PIP_INDEX_URL $UV_DEFAULT_INDEX"')
    assert shown.stdout == "https://user:p'w@pypi.example/simple https://user:p'w@pypi.example/simple\n"
    assert "PIP_CERT" not in variables
    assert recipe.digest() == before
    assert "pypi.example" not in (tmp_path / "contents").read_text()


def test_hosts_reach_their_index_as_before() -> None:
    guest = Guest.model_validate(
        {"pipIndexUrl": "https://a/", "pipExtraIndexUrl": "https://b/", "pipProxy": "http://p:1"}
    )
    store = "/etc/ssl/certs/ca-certificates.crt"
    assert list(package_environment(guest).items()) == [
        ("PIP_CERT", store),
        ("SSL_CERT_FILE", store),
        ("PIP_INDEX_URL", "https://a/"),
        ("UV_DEFAULT_INDEX", "https://a/"),
        ("PIP_EXTRA_INDEX_URL", "https://b/"),
        ("UV_INDEX", "https://b/"),
        ("PIP_PROXY", "http://p:1"),
        ("HTTPS_PROXY", "http://p:1"),
        ("HTTP_PROXY", "http://p:1"),
    ]


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        ({}, "image debian: a plain image, so new hosts fetch their packages during `up`"),
        (
            {recipe.RECIPE: "matching", recipe.BUILT: "2026-11-29"},
            "image debian: prebuilt 2026-11-29, recipe matches",
        ),
        (
            {recipe.RECIPE: "0a1b2c", recipe.BUILT: "2026-11-29"},
            (
                "image debian: prebuilt 2026-11-29 with another recipe (0a1b2c, not matching): the steps bring new "
                "hosts up to date"
            ),
        ),
    ],
)
def test_which_image_it_is(
    monkeypatch: pytest.MonkeyPatch, properties: dict[str, Any], sentence: str
) -> None:
    monkeypatch.setattr(recipe, "digest", lambda: "matching")
    assert recipe.describe("debian", properties) == sentence


def test_the_lab_has_it_by_default() -> None:
    config = yaml.safe_load((recipe.ROOT / "Pulumi.dev.yaml").read_text())["config"]
    assert config["congress-ha:image"] == recipe.NAME
    assert (
        f': "${{LAB_PREBUILT_IMAGE:={recipe.NAME}}}"'
        in (Path(precheck.__file__).parent / "lab.env").read_text()
    )
