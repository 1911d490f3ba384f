"""`congress-ha image`: makes the prebuilt image and uploads it. Needs a cloud, but no deployment."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import openstack
import typer
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from image import recipe
from ops.common.progress import Progress
from ops.image import builder
from ops.image.builder import ImageError

FOLDER = recipe.ROOT / ".state/image"
TIMEOUT = 3600  # seconds for the upload


class Part(StrEnum):
    BUILD = "build"
    UPLOAD = "upload"


def upload(file: Path, name: str) -> str:
    """Upload a built file as an image `name` of the login's project; return its id. Raises ImageError."""
    properties = builder.properties_of(file)
    if not file.exists() or not properties.exists():
        raise ImageError(f"{file} or its {properties.name} is missing: build the image first")
    values: dict[str, Any] = recipe.read_properties(properties.read_text())
    try:
        made: Any = openstack.connect().create_image(
            name,
            filename=str(file),
            disk_format="qcow2",
            container_format="bare",
            # The stack uses the newest image of the name.
            allow_duplicates=True,
            # Otherwise the SDK reads the file twice more.
            validate_checksum=False,
            wait=True,
            timeout=TIMEOUT,
            os_distro="debian",
            os_version="12",
            **values,
        )
    except (SDKException, ClientException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ImageError(
            f"the image could not be uploaded: {reason}; set OS_CLOUD to a cloud of your clouds.yaml whose login may "
            "create images, then run this with --only upload"
        ) from None
    return str(made.id)


def main(
    *,
    name: Annotated[str, typer.Option(help="Name of the image in the cloud.")] = recipe.NAME,
    file: Annotated[
        Path | None,
        typer.Option(help="The qcow2 file.", show_default=".state/image/NAME.qcow2", dir_okay=False),
    ] = None,
    only: Annotated[Part | None, typer.Option(help="Do only this part.")] = None,
) -> None:
    """Make an image that has everything a host needs, with diskimage-builder, and upload it to the cloud."""
    progress = Progress("image")
    # diskimage-builder names its output so.
    path = Path(f"{str(file or FOLDER / name).removesuffix('.qcow2')}.qcow2").absolute()
    try:
        if only is not Part.UPLOAD:
            progress.say(f"building {path}; log: {FOLDER / 'build.log'}")
            builder.build(path, FOLDER)
            progress.say(f"built, {path.stat().st_size / 2**20:.0f} MiB, recipe {recipe.digest()}")
        if only is not Part.BUILD:
            id_ = upload(path, name)
            progress.say(f"uploaded as {name} ({id_}); set congress-ha:image to {name}")
    except ImageError as error:
        typer.echo(f"image: {error}", err=True)
        raise typer.Exit(1) from None
