"""Settings as Pulumi stores them, parsed, and the errors of those that are wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

import settings
from settings import SettingsError


def parse(values: Mapping[str, Any]) -> settings.Settings:
    return settings.parse({k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()})


def problems(values: Mapping[str, Any]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    return caught.value.problems
