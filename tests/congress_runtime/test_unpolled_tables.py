import json

from tests.congress_runtime.support.congress_python import run_script

SAME = {
    "pushed": ["old"],
    "pushed: again": ["new"],
    # Its poll comes by itself; an empty table until then would be wrong.
    "eager: not polled yet": ["old"],
}


def rows(*words: str) -> dict[str, list[str]]:
    observations: dict[str, list[str]] = json.loads(run_script("unpolled_tables.py", *words))
    return observations


def test_engines_have_the_rows_of_the_new_process_in_tables_that_no_poll_publishes() -> None:
    assert rows() == SAME | {
        "pushed: not again by the new process": [],
        "pushed: before the engine is known": ["new"],
        "lazy: not polled by the new process": ["new"],
    }


def test_upstream_does_not() -> None:
    """The reason for patches.unpolled_tables. Once Congress has no such flaw, the patch can go."""
    observed = rows("upstream")
    assert observed["pushed: not again by the new process"] == ["old"]
    assert observed["lazy: not polled by the new process"] == ["old"]
