import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.of_congress import printed


def drivers(*options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("lazy_drivers.py", *options))
    return found


def test_a_driver_is_imported_when_it_is_asked_for() -> None:
    seen = drivers()
    assert seen["imported at first"] == []
    assert seen["asked for"] == ["keystonev3", "keystonev3", "plexxi", "not found"]
    assert seen["imported then"] == ["keystonev3"]
    assert seen["lazy"] == seen["eager"]


def test_a_disabled_driver_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "congress.conf").write_text("[DEFAULT]\ndisabled_drivers = plexxi\n")
    seen = drivers("--config-file", str(tmp_path / "congress.conf"))
    assert seen["lazy"] == seen["eager"]
    assert seen["asked for"] == ["keystonev3", "keystonev3", "not found", "not found"]
