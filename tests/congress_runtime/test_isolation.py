"""What one bad datasource does to the others, by Congress's own datasource node (bad_datasources.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.of_congress import printed

SECRET = "s3cret"  # the middle of a password with quotes, a backslash, an umlaut and percent signs
UPSTREAM = "upstream"


def seen(folder: Path, scenario: str, *words: str) -> dict[str, Any]:
    """What happened; the password is neither in it nor in the log."""
    told = printed("bad_datasources.py", folder, scenario, *words)
    if not words:
        assert SECRET not in told.replace('"password": "it\'s \\"s3cret', "")
        assert SECRET not in (folder / "log").read_text()
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def test_a_node_begins_among_bad_ones(tmp_path: Path) -> None:
    told = seen(tmp_path, "begins")
    assert told["serves"]
    assert told["good is polled"]
    errors = {id_: (status, answer["last_error"]) for id_, (status, answer) in told["status"].items()}
    assert errors.pop("id-of-good") == (200, "None")
    for driver in ("glancev2", "heat", "aodh", "monasca"):
        status, error = errors.pop(f"id-of-{driver}")
        assert status == 200
        assert error.startswith(f"datasource {driver} (driver {driver} at http://127.0.0.1:")
        assert "no answer" in error
    assert "the cloud says no to '***' and ***; tried again in" in errors["id-of-raises"][1]
    assert "datasource lost (driver none such) cannot be made: LookupError" in errors["id-of-lost"][1]
    status, rows = told["rows"]
    assert (status, "the cloud says no" in rows["error"]["message"]) == (503, True)
    status, schema = told["schema"]
    assert [table["table_id"] for table in schema["tables"]] == ["things"]


def test_the_creation_of_a_bad_one_is_refused_with_the_reason(tmp_path: Path) -> None:
    told = seen(tmp_path, "creation")
    assert told["good"][0] == 201
    assert told["a second good"][0] == 409
    refused = {
        name: (told[name][0], told[name][1]["error"]["message"]) for name in ("hangs", "raises", "unknown")
    }
    place = "(driver fickle at http://a.cloud) cannot be made: "
    assert refused == {
        "hangs": (400, f"datasource hangs {place}no answer within 2 s"),
        "raises": (400, f"datasource raises {place}RuntimeError: the cloud says no to '***' and ***"),
        "unknown": (400, "Invalid driver: none such"),
    }
    assert told["remain"] == told["run"] == ["good"]
    assert told["good is polled"]


def test_it_is_tried_again_until_its_cloud_is_back(tmp_path: Path) -> None:
    told = seen(tmp_path, "heals")
    assert all("the cloud says no to '***'" in error for error in told["before"])
    assert told["back is polled"]
    assert told["pauses grow"]
    assert told["refresh"][0] == 200
    assert told["asked is polled"]
    assert told["rows"] == [200, {"results": [{"data": ["one"]}]}]


def test_what_was_deleted_stays_away(tmp_path: Path) -> None:
    told = seen(tmp_path, "removed")
    assert told["deleted"] == [[200, None], [200, None]]
    assert told["another of the name"]
    assert told["renamed is polled"]
    assert told["run"] == ["renamed"]


def test_a_round_of_synchronisation_goes_on(tmp_path: Path) -> None:
    assert seen(tmp_path, "round_goes_on") == {"after is polled": True, "deleted is there": False}


def test_a_request_that_hangs_does_not_keep_others_from_being_made(tmp_path: Path) -> None:
    assert seen(tmp_path, "request_hangs") == {"deleted": [200, None], "later is polled": True}


def test_a_node_that_makes_one_stops_when_it_is_told_to(tmp_path: Path) -> None:
    assert seen(tmp_path, "told_to_stop") == {"begins": True}


def test_upstream_alone_fails_at_each(tmp_path: Path) -> None:
    """What patches.isolation is for; what Congress does better by itself can go."""

    def alone(scenario: str) -> dict[str, Any]:
        folder = tmp_path / scenario
        folder.mkdir()
        return seen(folder, scenario, UPSTREAM)

    assert alone("begins") == {"serves": False}
    created = alone("creation")
    assert created["hangs"] is created["good"] is None  # one waits for its cloud, the other for that one
    assert SECRET in created["unknown"][1]["error"]["message"]
    assert created["remain"] == ["good", "hangs", "raises"]
    assert alone("round_goes_on") == {"after is polled": False, "deleted is there": True}
    assert SECRET in (tmp_path / "round_goes_on/log").read_text()
    assert alone("request_hangs") == {"deleted": None, "later is polled": False}
