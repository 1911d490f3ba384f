"""What settings are made of: texts of a certain form, address ranges, files, and the model they stand in."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

# The document's example of an operation's interval and timeout: "30s".
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]*(s|min)$")]
NodeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]
AbsolutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s'\"]+$")]


def _disjoint(cidrs: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    for one, other in combinations(cidrs, 2):
        if one.overlaps(other):
            raise ValueError(f"{one} and {other} overlap; each range must stand alone")
    return cidrs


def _existing_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"no file at {path} on this machine")
    return path


Cidrs = Annotated[tuple[IPv4Network, ...], Field(min_length=1), AfterValidator(_disjoint)]
CertificateFile = Annotated[Path, AfterValidator(_existing_file)]


class Model(BaseModel):
    """Frozen, camelCase outside, and strict: an unknown key or a value of another type is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_by_name=True
    )
