import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.congress_python import run_script


def drivers(*options: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("drivers.py", *options))
    return observations


def test_a_driver_is_imported_when_it_is_first_used() -> None:
    observed = drivers()
    assert observed["imported at first"] == []
    assert observed["asked for"] == ["keystonev3", "keystonev3", "plexxi", "not found"]
    assert observed["imported then"] == ["keystonev3"]
    assert observed["lazy"] == observed["eager"]


def test_a_disabled_driver_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "congress.conf").write_text("[DEFAULT]\ndisabled_drivers = plexxi\n")
    observed = drivers("--config-file", str(tmp_path / "congress.conf"))
    assert observed["lazy"] == observed["eager"]
    assert observed["asked for"] == ["keystonev3", "keystonev3", "not found", "not found"]
