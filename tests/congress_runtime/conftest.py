"""Loads modules of congress_runtime without Congress; mocks replace Congress and its libraries.

tests/bench/node_faults.py tests the behaviour with the real libraries.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock

import pytest

RUNTIME = Path(__file__).parents[2] / "congress_runtime"

Load = Callable[..., ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """A function that loads a module of congress_runtime; `libraries` replace modules that it imports."""

    def load(name: str, **libraries: object) -> ModuleType:
        for library in (
            *(
                "eventlet",
                "eventlet.patcher",
                "sqlalchemy",
                "sqlalchemy.pool",
                "sqlalchemy.exc",
                "oslo_log",
                "oslo_config",
            ),
            *("oslo_messaging", "congress", "congress.common", "congress.common.config", "kombu", "amqp"),
            *("amqp.exceptions", "congress_runtime.bus", "oslo_messaging.rpc", "oslo_messaging.rpc.server"),
            *("oslo_messaging._drivers", "oslo_messaging._drivers.impl_rabbit"),
            *("oslo_service", "oslo_service.service"),
        ):
            monkeypatch.setitem(sys.modules, library, libraries.get(library.replace(".", "_"), MagicMock()))
        full = f"congress_runtime.{name}"
        spec = importlib.util.spec_from_file_location(full, RUNTIME / f"{name.replace('.', '/')}.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, full, module)  # dataclasses look their module up there
        spec.loader.exec_module(module)
        return module

    return load
