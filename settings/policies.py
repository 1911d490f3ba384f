"""Settings of policies and datasources as code: their folder, and the values of the secrets that its files name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, RootModel, SecretStr


def _empty_is_none(given: Any) -> Any:
    """An empty text means None: Pulumi.yaml needs a default, and has no null."""
    return given or None


Folder = Annotated[Path | None, BeforeValidator(_empty_is_none)]
SecretName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=100)]


class PolicySecrets(RootModel[dict[SecretName, Annotated[SecretStr, Field(min_length=1)]]]):
    """Name -> value."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)

    def values(self) -> dict[str, str]:
        return {name: value.get_secret_value() for name, value in self.root.items()}
