"""Reads Pulumi's config and validates it as Settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pulumi.runtime import config
from pydantic import ValidationError

from settings.errors import SettingsError, describe, models_in
from settings.model import Settings

NAMESPACE = "congress-ha"
STRUCTURED = {field.alias for field in Settings.model_fields.values() if models_in(field.annotation)}


def parse(values: Mapping[str, str]) -> Settings:
    """Validate a stack's raw config: key without namespace -> Pulumi's text (JSON for objects).

    Raises SettingsError with all problems.
    """
    raw: dict[str, Any] = {}
    for key, text in values.items():
        try:
            raw[key] = json.loads(text) if key in STRUCTURED else text
        except json.JSONDecodeError:
            raw[key] = text  # refused below, like every value of a wrong type
    try:
        return Settings.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        raise SettingsError(describe(error, Settings, NAMESPACE)) from None


def load() -> Settings:
    """The settings of the current stack. Raises SettingsError."""
    prefix = f"{NAMESPACE}:"
    # pulumi.Config cannot list keys, so it would not show unknown ones.
    everything = {**config.get_config_env(), **config.CONFIG.get()}
    return parse(
        {key.removeprefix(prefix): text for key, text in everything.items() if key.startswith(prefix)}
    )
