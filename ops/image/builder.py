"""Builds the prebuilt image as a qcow2 file with diskimage-builder and our element in image/elements.

diskimage-builder has its own virtual environment, because nothing else needs its dependencies.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from image import package_index, recipe

# Debian with cloud-init and SSH, as a disk of a virtual machine, and our part.
ELEMENTS = ("debian", "vm", "congress-ha")
RELEASE = "bookworm"
PINS = recipe.ROOT / "requirements-image.txt"
# Command that diskimage-builder calls -> Debian's package.
TOOLS = {
    "debootstrap": "debootstrap",
    "kpartx": "kpartx",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "sudo": "sudo",
}
SBIN = "/usr/sbin:/sbin"


class ImageError(Exception):
    """One sentence: what is wrong, and the way out."""


def require_tools() -> None:
    """Raises ImageError if this machine cannot build an image."""
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    if missing := sorted({package for tool, package in TOOLS.items() if not shutil.which(tool, path=path)}):
        raise ImageError(
            f"diskimage-builder needs {', '.join(missing)} on this machine: apt-get install {' '.join(missing)}"
        )
    if not Path("/dev/loop-control").exists():
        raise ImageError(
            "diskimage-builder needs loop devices, and this machine has no /dev/loop-control: "
            "run modprobe loop, or build on a machine that is not a container"
        )
    if subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        raise ImageError(
            "diskimage-builder needs sudo without a password: allow it, or run `sudo -v` in this terminal first"
        )


def build(file: Path, folder: Path) -> Path:
    """Build `file`, a qcow2; return the file of its properties, which is beside it.

    `folder` keeps diskimage-builder, its log and its downloads. Raises ImageError.
    """
    require_tools()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = _environment()
    command = _builder(folder / "builder", environment)
    inputs, properties, log = folder / "inputs", properties_of(file), folder / "build.log"
    recipe.write(inputs)
    properties.unlink(missing_ok=True)
    environment |= {
        "ELEMENTS_PATH": str(recipe.ROOT / "image/elements"),
        "DIB_RELEASE": RELEASE,
        "DIB_NO_TMPFS": "1",
        "CONGRESS_HA_INPUTS": str(inputs),
        "CONGRESS_HA_PROPERTIES": str(properties),
    }
    words = [
        "-t",
        "qcow2",
        "-o",
        str(file.with_suffix("")),
        "--image-cache",
        str(folder / "cache"),
        *ELEMENTS,
    ]
    try:
        with log.open("w") as output:
            built = subprocess.run(
                [command, *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                check=False,
            )
    finally:
        shutil.rmtree(inputs)
    if built.returncode or not properties.exists():
        raise ImageError(f"diskimage-builder failed; its last lines in {log} say why: {_last_line(log)}")
    return properties


def properties_of(file: Path) -> Path:
    return file.with_suffix(".properties")


def _environment() -> dict[str, str]:
    """The environment of this process, with this machine's package index for uv, which does not read pip's settings."""
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    store = package_index.pip_options(pip.stdout).get("cert", "")
    index, extra_index, _ = package_index.of_machine(pip.stdout, os.environ)
    values = package_index.environment(index, extra_index, "", store)
    return {**values, **os.environ, "PATH": f"{os.environ['PATH']}:{SBIN}"}


def _builder(folder: Path, environment: Mapping[str, str]) -> str:
    """The command disk-image-create of the pinned diskimage-builder."""
    note = folder / "pins"
    if not note.exists() or note.read_bytes() != PINS.read_bytes():
        uv = str(Path(sys.executable).parent / "uv")
        for words in (
            ["venv", "--clear", "--python", sys.executable, str(folder)],
            ["pip", "install", "--python", str(folder / "bin/python"), "--require-hashes", "-r", str(PINS)],
        ):
            try:
                done = subprocess.run(
                    [uv, "--quiet", *words], capture_output=True, text=True, env=environment, check=False
                )
            except FileNotFoundError:
                raise ImageError(f"{uv} is missing, which installs diskimage-builder: make venv") from None
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["no reason"])[-1]
                raise ImageError(
                    f"diskimage-builder could not be installed ({reason}): is the package index reachable, is its "
                    "CA trusted (SSL_CERT_FILE)?"
                )
        note.write_bytes(PINS.read_bytes())
    return str(folder / "bin/disk-image-create")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
