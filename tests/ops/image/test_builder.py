"""`congress-ha image`: what it needs, how it calls diskimage-builder, and what it uploads."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import openstack
import pytest
from openstack.exceptions import ConfigException
from typer import Exit

from image import recipe
from ops.image import builder, create
from ops.image.builder import ImageError

# Stands for disk-image-create. It writes the file, and what our element gets.
FAKE = """#!/bin/bash
echo "$@" > "$0.words"; ls "$CONGRESS_HA_INPUTS" > "$0.inputs"; echo "$DIB_RELEASE $ELEMENTS_PATH" > "$0.release"
touch "$4.qcow2"
[ -n "$FAIL" ] || echo congress_ha_recipe=digest > "$CONGRESS_HA_PROPERTIES"
echo why it failed; exit ${FAIL:-0}
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All tools, and a diskimage-builder with the present pins."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for tool in builder.TOOLS:
        (folder / tool).write_text("#!/bin/sh\n")
        (folder / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(builder, "SBIN", "/nowhere")
    monkeypatch.setattr(create, "FOLDER", tmp_path / "state")
    command = tmp_path / "state/builder/bin/disk-image-create"
    command.parent.mkdir(parents=True)
    command.write_text(FAKE)
    command.chmod(0o755)
    (tmp_path / "state/builder/pins").write_bytes(builder.PINS.read_bytes())
    return folder


def test_everything_that_is_missing_is_named_at_once(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("qemu-img", "debootstrap"):
        (tools / tool).unlink()
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(ImageError) as caught:
        builder.require_tools()
    assert str(caught.value) == (
        "diskimage-builder needs debootstrap, qemu-utils on this machine: apt-get install debootstrap qemu-utils"
    )


def test_a_sudo_that_asks_for_a_password_is_an_error(tools: Path) -> None:
    (tools / "sudo").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(ImageError, match="sudo without a password"):
        builder.require_tools()


def test_it_is_built_with_our_element_and_leaves_no_login_behind(tools: Path, tmp_path: Path) -> None:
    file = tmp_path / "made.qcow2"
    properties = builder.build(file, tmp_path / "state")
    assert tools.exists()
    assert properties.read_text() == "congress_ha_recipe=digest\n"
    called = tmp_path / "state/builder/bin/disk-image-create"
    words = Path(f"{called}.words").read_text().split()
    assert words[:4] == ["-t", "qcow2", "-o", str(tmp_path / "made")]
    assert words[-3:] == ["debian", "vm", "congress-ha"]
    assert "contents" in Path(f"{called}.inputs").read_text().split()
    assert Path(f"{called}.release").read_text() == f"bookworm {recipe.ROOT}/image/elements\n"
    assert not (tmp_path / "state/inputs").exists()


def test_a_failed_build_names_its_log(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "3")
    assert tools.exists()
    with pytest.raises(ImageError, match=r"its last lines in .*/build\.log say why: why it failed"):
        builder.build(tmp_path / "made.qcow2", tmp_path / "state")
    assert not (tmp_path / "state/inputs").exists()


class Cloud:
    def __init__(self) -> None:
        self.made: dict[str, Any] = {}

    def create_image(self, name: str, **words: Any) -> Any:
        self.made = {"name": name, **words}
        return type("Image", (), {"id": "its-id"})


def test_it_is_uploaded_with_its_properties(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = Cloud()
    monkeypatch.setattr(openstack, "connect", lambda: cloud)
    assert tools.exists()
    create.main(name="of-2026.1")
    assert cloud.made["name"] == "of-2026.1"
    assert cloud.made["filename"] == str(tmp_path / "state/of-2026.1.qcow2")
    assert (cloud.made["disk_format"], cloud.made[recipe.RECIPE]) == ("qcow2", "digest")
    assert "uploaded as of-2026.1 (its-id); set congress-ha:image to of-2026.1" in capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], **words: Any) -> str:
    with pytest.raises(Exit) as over:
        create.main(**words)
    assert over.value.exit_code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.usefixtures("tools")
def test_without_a_file_or_a_cloud_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ConfigException("Cloud mine was not found.\nKnown are: others.")

    assert refused(capsys, only=create.Part.UPLOAD) == (
        f"image: {tmp_path}/state/debian-12-congress.qcow2 or its debian-12-congress.properties is missing: build the "
        "image first"
    )
    monkeypatch.setattr(openstack, "connect", fail)
    assert refused(capsys) == (
        "image: the image could not be uploaded: Cloud mine was not found; set OS_CLOUD to a cloud of your clouds.yaml "
        "whose login may create images, then run this with --only upload"
    )


def test_the_element_copies_inputs_and_properties(tools: Path, tmp_path: Path) -> None:
    """The hooks of the element, as diskimage-builder runs them outside of the image."""
    (tools / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    element = recipe.ROOT / "image/elements/congress-ha"
    inputs, hooks, target = tmp_path / "inputs", tmp_path / "hooks", tmp_path / "target"
    recipe.write(inputs)
    hooks.mkdir()
    made = target / recipe.PROPERTIES
    made.parent.mkdir(parents=True)
    made.write_text("congress_ha_recipe=digest\n")
    environment = {
        "PATH": f"{tools}:/usr/bin:/bin",
        "CONGRESS_HA_INPUTS": str(inputs),
        "CONGRESS_HA_PROPERTIES": str(tmp_path / "properties"),
        "TMP_HOOKS_PATH": str(hooks),
        "TARGET_ROOT": str(target),
    }
    for hook in ("extra-data.d", "cleanup.d"):
        subprocess.run([element / hook / "50-congress-ha"], env=environment, check=True)
    assert (hooks / "congress-ha/contents").read_text() == recipe.script()
    assert (tmp_path / "properties").read_text() == made.read_text()
    in_target = (element / "install.d/50-congress-ha").read_text()
    assert "/tmp/in_target.d/congress-ha/contents" in in_target  # noqa: S108  diskimage-builder's own folder
