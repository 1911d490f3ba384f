"""What one bad datasource does to the others, by Congress's own datasource node (datasource_faults.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.congress_python import run_script

SECRET = "s3cret"  # the middle of a password with quotes, a backslash, an umlaut and percent signs
UPSTREAM = "upstream"


def observe(folder: Path, scenario: str, *words: str) -> dict[str, Any]:
    """What happened; the password is neither in it nor in the log."""
    observed = run_script("datasource_faults.py", folder, scenario, *words)
    if not words:
        assert SECRET not in observed.replace('"password": "it\'s \\"s3cret', "")
        assert SECRET not in (folder / "log").read_text()
    observations: dict[str, Any] = json.loads(observed.splitlines()[-1])
    return observations


def test_a_node_starts_with_bad_datasources(tmp_path: Path) -> None:
    observed = observe(tmp_path, "begins")
    assert observed["serves"]
    assert observed["good is polled"]
    errors = {id_: (status, answer["last_error"]) for id_, (status, answer) in observed["status"].items()}
    assert errors.pop("id-of-good") == (200, "None")
    for driver in ("glancev2", "heat", "aodh", "monasca"):
        status, error = errors.pop(f"id-of-{driver}")
        assert status == 200
        assert error.startswith(f"datasource {driver} (driver {driver} at http://127.0.0.1:")
        assert "no answer" in error
    assert "the cloud says no to '***' and ***; next attempt in" in errors["id-of-raises"][1]
    assert "datasource lost (driver none such) cannot be created: LookupError" in errors["id-of-lost"][1]
    status, rows = observed["rows"]
    assert (status, "the cloud says no" in rows["error"]["message"]) == (503, True)
    status, schema = observed["schema"]
    assert [table["table_id"] for table in schema["tables"]] == ["things"]


def test_the_creation_of_a_bad_datasource_is_refused_with_the_reason(tmp_path: Path) -> None:
    observed = observe(tmp_path, "creation")
    assert observed["good"][0] == 201
    assert observed["a second good"][0] == 409
    refused = {
        name: (observed[name][0], observed[name][1]["error"]["message"])
        for name in ("hangs", "raises", "unknown")
    }
    refusal = "(driver fickle at http://a.cloud) cannot be created: "
    assert refused == {
        "hangs": (400, f"datasource hangs {refusal}no answer within 2 s"),
        "raises": (400, f"datasource raises {refusal}RuntimeError: the cloud says no to '***' and ***"),
        "unknown": (400, "Invalid driver: none such"),
    }
    assert observed["remain"] == observed["run"] == ["good"]
    assert observed["good is polled"]


def test_the_creation_is_repeated_until_the_cloud_is_back(tmp_path: Path) -> None:
    observed = observe(tmp_path, "heals")
    assert all("the cloud says no to '***'" in error for error in observed["before"])
    assert observed["back is polled"]
    assert observed["pauses grow"]
    assert observed["refresh"][0] == 200
    assert observed["asked is polled"]
    assert observed["rows"] == [200, {"results": [{"data": ["one"]}]}]


def test_a_deleted_datasource_does_not_return(tmp_path: Path) -> None:
    observed = observe(tmp_path, "removed")
    assert observed["deleted"] == [[200, None], [200, None]]
    assert observed["another of the name"]
    assert observed["renamed is polled"]
    assert observed["run"] == ["renamed"]


def test_a_round_of_synchronisation_continues_after_an_error(tmp_path: Path) -> None:
    assert observe(tmp_path, "round_goes_on") == {"after is polled": True, "deleted is there": False}


def test_a_request_that_hangs_does_not_block_other_datasources(tmp_path: Path) -> None:
    assert observe(tmp_path, "request_hangs") == {"deleted": [200, None], "later is polled": True}


def test_a_node_that_creates_a_datasource_stops_at_sigterm(tmp_path: Path) -> None:
    assert observe(tmp_path, "stopped") == {"begins": True}


def test_upstream_fails_in_each_scenario(tmp_path: Path) -> None:
    """The reason for patches.isolation. Once Congress has no such flaw, the patch can go."""

    def alone(scenario: str) -> dict[str, Any]:
        folder = tmp_path / scenario
        folder.mkdir()
        return observe(folder, scenario, UPSTREAM)

    assert alone("begins") == {"serves": False}
    created = alone("creation")
    assert created["hangs"] is created["good"] is None  # one waits for its cloud, the other for that one
    assert SECRET in created["unknown"][1]["error"]["message"]
    assert created["remain"] == ["good", "hangs", "raises"]
    assert alone("round_goes_on") == {"after is polled": False, "deleted is there": True}
    assert SECRET in (tmp_path / "round_goes_on/log").read_text()
    assert alone("request_hangs") == {"deleted": None, "later is polled": False}
