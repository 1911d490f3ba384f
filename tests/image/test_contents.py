"""The script of the prebuilt image, with fakes of apt, dpkg, systemd and the virtual environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from image import recipe
from tests.render.support.library import ME, Library

# apt enables the units of a package when it installs it.
APT = """case " $* " in
  *" install "*)
    for package; do
      [ -e {folder}/units/$package ] || continue
      while read -r unit; do ln -sf /lib {wants}/$unit; done < {folder}/units/$package
    done ;;
esac"""
MASK = 'for unit in "${{@:3}}"; do ln -sf /dev/null {root}/etc/systemd/system/$unit; done'
# python3 -m venv makes an environment whose programs do nothing.
VENV = r"""mkdir -p "$3/bin"
for name in pip uv; do
  printf '#!/bin/sh\necho "$REQUESTS_CA_BUNDLE,$PIP_FIND_LINKS,$PIP_INDEX_URL,$PIP_CERT" > "$0.env"\n' > "$3/bin/$name"
done
printf '#!/bin/sh\necho 11.0.0\n' > "$3/bin/python"
chmod +x "$3"/bin/*"""


class Image:
    def __init__(self, folder: Path) -> None:
        self.library, self.root = Library(folder), folder / "target"
        self.wants = self.root / "etc/systemd/system/multi-user.target.wants"
        for path in (
            self.wants,
            self.root / "etc/ssh",
            self.root / "etc/rc2.d",
            self.root / "var/lib/rabbitmq",
            self.root / "opt",
        ):
            path.mkdir(parents=True)
        (folder / "units").mkdir()
        (folder / "index.env").write_text("export PIP_INDEX_URL=https://index.example/\n")
        self.library.fake("apt-get", APT.format(folder=folder, wants=self.wants))
        self.library.fake("dpkg", "true")
        self.library.fake("dpkg-query", "case $* in *Version*) echo 1.2 ;; *) exit 1 ;; esac")
        self.library.fake("systemctl", MASK.format(root=self.root))
        self.library.fake("python3", VENV)
        self.library.fake("tar")
        self.library.fake("sha256sum", '[ "$1" = --status ] || exec /usr/bin/sha256sum "$@"')

    def installs(self, package: str, *units: str) -> None:
        (self.library.folder / "units" / package).write_text("".join(f"{unit}\n" for unit in units))

    def make(self) -> str:
        """Runs the script; returns its errors."""
        text = recipe.body()
        for part in recipe.PARTS:
            text = text.replace((recipe.ROOT / part).read_text(), "")
        for path in ("/etc/", "/opt/", "/var/lib/rabbitmq/", "/usr/share/", "/root/"):
            text = text.replace(f"{path}", f"{self.root}{path}")
        text = text.replace(" root:root ", f" {ME} ")
        return self.library.run(f"recipe=digest\n{text}").stderr


@pytest.fixture
def image(tmp_path: Path) -> Image:
    return Image(tmp_path)


def test_services_of_roles_are_masked_and_those_of_every_host_run(image: Image) -> None:
    image.installs("unattended-upgrades", "unattended-upgrades.service")
    image.installs("mariadb-server", "mariadb.service", *recipe.HARMLESS)
    assert image.make() == ""
    units = image.root / "etc/systemd/system"
    assert {file.name for file in units.iterdir() if file.is_symlink()} == set(recipe.MASKED)
    assert (image.wants / "unattended-upgrades.service").is_symlink()


def test_an_unknown_service_is_an_error(image: Image) -> None:
    image.installs("haproxy", "haproxy.service", "another.service")
    assert image.make() == (
        "Debian's packages would start another.service on every host: add it to MASKED in image/recipe.py\n"
    )


def test_upgrades_come_first_and_nothing_starts(image: Image) -> None:
    assert image.make() == ""
    apt = [call.split()[1:] for call in image.library.calls if call.startswith("apt-get")]
    verbs = [next(word for word in words if not word.startswith("-")) for words in apt]
    assert verbs[:2] == ["update", "dist-upgrade"]
    assert verbs.count("install") == 2
    # It was there during the installation, and is removed.
    assert not image.library.policy.exists()


def test_what_a_host_has_for_itself_is_not_in_it(image: Image) -> None:
    own = [
        image.root / path
        for path in (
            "etc/ssh/ssh_host_rsa_key",
            "etc/ssh/ssh_host_rsa_key.pub",
            "var/lib/rabbitmq/.erlang.cookie",
        )
    ]
    for file in own:
        file.write_text("x")
    (image.root / "etc/machine-id").write_text("x")
    assert image.make() == ""
    assert [file for file in own if file.exists()] == []
    assert (image.root / "etc/machine-id").read_text() == ""
    assert not image.library.state.exists()


def test_the_pins_are_those_of_the_steps_and_the_properties_say_what_is_there(image: Image) -> None:
    assert image.make() == ""
    for name in recipe.PINS:
        assert (image.root / "opt/congress-pins" / name).read_bytes() == (
            recipe.ROOT / "files/congress" / name
        ).read_bytes()
    properties = recipe.read_properties((image.root / recipe.PROPERTIES).read_text())
    assert properties[recipe.RECIPE] == "digest"
    assert properties["congress_ha_congress"] == "11.0.0"
    assert properties["congress_ha_mariadb_server"] == "1.2"
    assert len(properties[recipe.BUILT]) == len("2026-11-29")


def test_congress_that_cannot_be_installed_is_an_error(image: Image) -> None:
    image.library.fake("python3", "false")
    assert image.make().startswith("Congress could not be installed from the package index")


def test_it_uses_the_index_and_the_certificates_that_the_builder_put_there(
    image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other variables of the machine that builds would name files that the image does not have."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/of/the/machine")
    monkeypatch.setenv("PIP_FIND_LINKS", "/of/the/machine")
    (image.library.folder / "ca.pem").touch()
    assert image.make() == ""
    (seen,) = image.root.glob("opt/congress-*/bin/pip.env")
    assert seen.read_text() == f",,https://index.example/,{image.library.folder}/ca.pem\n"
