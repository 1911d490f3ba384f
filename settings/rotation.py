"""Settings for the rotation of passwords and keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from settings.types import Model

# The number is part of user names in RabbitMQ, MariaDB and keystone.
Generation = Annotated[int, Field(ge=1, le=9999)]


class Rotation(Model):
    """Generations of secrets. A higher number creates new secrets; the old ones are invalid when `up` has ended."""

    database: Generation = Field(1, description="of the database's user and password", examples=[2])
    messaging: Generation = Field(1, description="of the bus's user and password", examples=[2])
    certificates: Generation = Field(
        1, description="of the keys and certificates of endpoint, database and bus", examples=[2]
    )
    ssh: Generation = Field(1, description="of the deployer's SSH key", examples=[2])
    keystone: Generation = Field(
        1, description="of the user and password that the stack makes in keystone", examples=[2]
    )


def of_generation(name: str, generation: int) -> str:
    """The name for a generation. The first one has the plain name, as in stacks that predate `rotation`."""
    return name if generation == 1 else f"{name}-{generation}"
