"""The recipe of the prebuilt image: what it contains, and the script that puts it there.

The script consists of the library of the steps and of what their templates install, so that a step finds its work done.
Standard library only, because the lab runs it with the system's Python.

usage: python3 -m image.recipe             prints the recipe's digest
       python3 -m image.recipe FOLDER      writes FOLDER, which a builder puts into the image's root file system: the
                                           script `contents`, which root runs there, and how this machine reaches its
                                           package index
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from image import package_index
from roles import ROLES

ROOT = Path(__file__).resolve().parent.parent
# Name of the image in the lab, and by default in other clouds.
NAME = "debian-12-congress"
# Debian's packages that host/hardening.sh.j2 installs on every host.
ON_EVERY_HOST = ("nftables", "unattended-upgrades")
# Those that other steps install together with their configuration. A test compares them with the steps.
OF_STEPS = ("fence-agents", "keepalived", "mariadb-server", "python3-novaclient")
PACKAGES = tuple(sorted({*OF_STEPS, *(package for role in ROLES for package in role.packages)}))
# Units of these packages, which Debian enables. The step of a role unmasks what it needs.
MASKED = (
    "corosync.service",
    "epmd.service",
    "epmd.socket",
    "haproxy.service",
    "keepalived.service",
    "logd.service",
    "mariadb.service",
    "pacemaker.service",
    "rabbitmq-server.service",
    "rsync.service",
)
# Those that may run on every host.
HARMLESS = ("logrotate.timer",)
# Packages whose versions the properties of the image show.
SHOWN = ("corosync", "haproxy", "keepalived", "mariadb-server", "pacemaker", "rabbitmq-server")
# Properties of the image in Glance.
RECIPE, BUILT = "congress_ha_recipe", "congress_ha_built"
# The file of the image that has them, one NAME=VALUE per line.
PROPERTIES = "usr/share/congress-ha/image.properties"
# The library of the steps, Congress's virtual environment, and the order of the work.
PARTS = ("templates/step/functions.sh", "templates/step/lib.sh")
WORK = ("templates/congress_host/environment.sh", "image/contents.sh")
PINS = ("constraints.txt", "uv.txt", "sdist.txt", "congress-datasource.sha256")


def _text(path: str) -> str:
    return (ROOT / path).read_text()


def _array(name: str, values: tuple[str, ...]) -> str:
    return f"{name}=({' '.join(values)})\n"


def _pin(name: str) -> str:
    marker = "END_OF_PINS"
    put = f"put_file /opt/congress-pins/{name} root:root 0644 <<'{marker}'"
    return f"{put}\n{_text(f'files/congress/{name}')}{marker}\n"


def body() -> str:
    """The script without its first lines, which name its digest."""
    arrays = {
        "on_every_host": ON_EVERY_HOST,
        "packages": PACKAGES,
        "masked": MASKED,
        "harmless": HARMLESS,
        "shown": SHOWN,
    }
    lists = "".join(_array(name, values) for name, values in arrays.items())
    # The digest of the virtual environment's name is that of these files, as on hosts.
    put_pins = f"put_pins() {{\n{''.join(map(_pin, PINS))}}}\n"
    variables = f"properties=/{PROPERTIES} pins=/opt/congress-pins\n{lists}{put_pins}"
    # environment.sh computes the environment's name from the pins, so they are put before it.
    return "\n".join([*map(_text, PARTS), variables, "put_pins", *map(_text, WORK)])


def digest() -> str:
    """Short hash of everything that decides what the image contains, except the day's versions of Debian's packages."""
    return sha256(body().encode()).hexdigest()[:12]


def script() -> str:
    return f"#!/bin/bash\n# Made by image/recipe.py.\nSTEP=image recipe={digest()}\n{body()}"


def describe(name: str, properties: Mapping[str, str]) -> str:
    """Which image a stack uses, in one sentence. `properties`: those in Glance."""
    recipe = properties.get(RECIPE)
    if not recipe:
        return f"image {name}: a plain image, so new hosts fetch their packages during `up`"
    built = f"image {name}: prebuilt {properties.get(BUILT, 'at an unknown time')}"
    if recipe == digest():
        return f"{built}, recipe matches"
    return f"{built} with another recipe ({recipe}, not {digest()}): the steps bring new hosts up to date"


def read_properties(text: str) -> dict[str, str]:
    """The properties in the image's file PROPERTIES."""
    return dict(line.split("=", 1) for line in text.splitlines())


def write(folder: Path) -> None:
    """Write the script, and certificates and variables of the package index, which may contain a login, to `folder`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "contents").write_text(script())
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    options = package_index.pip_options(pip.stdout)
    store = os.environ.get("SSL_CERT_FILE") or options.get("cert") or package_index.STORE
    # Without the file, the image trusts its own store.
    if Path(store).is_file():
        shutil.copyfile(store, folder / "ca.pem")
    values = package_index.environment(*package_index.of_machine(pip.stdout, os.environ), store="")
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in values.items()]
    (folder / "index.env").write_text("".join(lines))


if __name__ == "__main__":
    if sys.argv[1:]:
        write(Path(sys.argv[1]))
    else:
        print(digest())
