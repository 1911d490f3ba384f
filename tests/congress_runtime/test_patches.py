"""The table of patches in README.md agrees with the modules, with upstream's names and with the tests."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
from congress_runtime.patches import BUS, DATASOURCE_NODE, ENGINE, NODE, PATCHES

from components.foundation.template import ROOT
from tests.congress_runtime.support.congress_python import run_script

FOLDER = ROOT / "congress_runtime/patches"
README = (FOLDER / "README.md").read_text()
ROWS = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| [^|]+ \| `([\w./]+)` \| [^|]+ \|$", README, re.MULTILINE)
PARTS = re.findall(r"`(\w+)`", README[README.index("Parts of these") :])


def modules(*, applied: bool) -> set[str]:
    """Names of the modules with, or without, a function `apply`."""
    return {
        file.stem
        for file in FOLDER.glob("[!_]*.py")
        if bool(re.search(r"^def apply\(", file.read_text(), re.MULTILINE)) is applied
    }


def test_each_patch_has_a_row_and_each_part_is_named() -> None:
    names = [name for name, _, _ in ROWS]
    assert names == sorted(set(names))
    assert set(names) == modules(applied=True) | {"removed_names"}
    assert set(PARTS) - set(names) == modules(applied=False) - {"removed_names"}


def test_each_patch_is_needed_in_one_place() -> None:
    assert sorted(chain(*PATCHES.values())) == sorted(modules(applied=True))


def test_each_patch_has_its_test() -> None:
    assert [test for _, _, test in ROWS if not Path(ROOT / test).is_file()] == []
    assert all(find_spec(f"congress_runtime.patches.{name}") for name, _, _ in ROWS)


def test_upstream_has_what_is_patched() -> None:
    assert run_script("missing_names.py", *(name for _, name, _ in ROWS)) == ""


@pytest.mark.parametrize("role", [DATASOURCE_NODE, ENGINE])
def test_a_node_applies_its_patches_and_loads_no_others(role: str) -> None:
    """Nor a driver, to patch it: a datasource node starts during each failover, so it imports no more than it needs."""
    assert json.loads(run_script("applied_patches.py", role)) == [
        *PATCHES[BUS],
        *PATCHES[NODE],
        *PATCHES[role],
    ]
