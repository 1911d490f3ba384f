import json

from tests.congress_runtime.support.of_congress import printed


def rows(*words: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(printed("publish_over_failover.py", *words))
    return found


def test_an_engine_has_the_rows_of_the_node_after_every_failover() -> None:
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
    }


def test_upstream_alone_does_not() -> None:
    """What patches.publish is for; once Congress does better by itself, it can go."""
    seen = rows("upstream")
    assert seen["a row went while no node ran"] == ["kept", "new", "older"]
    assert "kept" in seen["all rows went"]
    assert seen["another engine asked first"] != ["fresh"]
    assert seen["a difference while the whole table is encoded"] != ["kept", "new"]
