import json
from typing import Any

from tests.congress_runtime.support.congress_python import run_script


def rows(*words: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("publish.py", *words))
    return observations


def test_an_engine_has_the_node_s_rows_after_every_failover() -> None:
    assert rows() == {
        "polled": ["kept", "older"],
        "a row went while no node ran": ["kept", "new"],
        "the next difference": ["kept", "newer"],
        "all rows went": [],
        "before the first poll": ["some"],
        "another engine asked first": ["fresh"],
        "the one that asked": ["fresh"],
        "one that came later": ["fresh", "fresher"],
        "a difference while the whole table is encoded": ["kept", "new"],
        "rows sent: few of three change": 2,
        "most change": [4, ["d", "x", "y", "z"]],
        "afterwards": ["e", "x", "y", "z"],
    }


def test_upstream_does_not() -> None:
    """The reason for patches.publish. Once Congress has no such flaw, the patch can go."""
    observed = rows("upstream")
    assert observed["a row went while no node ran"] == ["kept", "new", "older"]
    assert "kept" in observed["all rows went"]
    assert observed["another engine asked first"] != ["fresh"]
    assert observed["a difference while the whole table is encoded"] != ["kept", "new"]
    assert observed["most change"] == [5, ["d", "x", "y", "z"]]
