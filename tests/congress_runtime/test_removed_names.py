import collections
import collections.abc
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
REMOVED = ((collections, "MutableSet"), (collections, "Hashable"), (inspect, "getargspec"))


@pytest.fixture
def compat() -> Iterator[ModuleType]:
    assert not any(hasattr(owner, name) for owner, name in REMOVED)
    spec = importlib.util.spec_from_file_location(
        "congress_runtime.patches.removed_names", ROOT / "congress_runtime/patches/removed_names.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for owner, name in REMOVED:
        delattr(owner, name)


@pytest.mark.usefixtures("compat")
def test_restores_the_names_that_python_removed() -> None:
    assert vars(collections)["MutableSet"] is collections.abc.MutableSet
    assert vars(collections)["Hashable"] is collections.abc.Hashable


def test_getargspec_has_the_old_form(compat: ModuleType) -> None:
    def old(one, two=2, *rest, **named):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN202
        return one, two, rest, named

    assert compat.getargspec(old) == (["one", "two"], "rest", "named", (2,))


def test_getargspec_accepts_what_python_s_own_refused(compat: ModuleType) -> None:
    def new(one: int, *, only: str = "") -> str:
        return only * one

    assert compat.getargspec(new).args == ["one"]


def test_keeps_names_that_python_still_has(compat: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def own() -> None: ...

    monkeypatch.setattr(inspect, "getargspec", own)
    compat.restore()
    assert vars(inspect)["getargspec"] is own


def test_is_imported_at_interpreter_start() -> None:
    assert (
        ROOT / "files/congress/congress_runtime.pth"
    ).read_text() == "import congress_runtime.patches.removed_names\n"
