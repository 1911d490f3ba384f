"""A deleted vitrage datasource is gone, with its rows."""

from tests.congress_runtime.support.congress_python import run_script


def test_a_deleted_datasource_is_freed() -> None:
    assert run_script("vitrage_stop.py", "ours").strip() == "freed"


def test_upstream_keeps_it_in_memory() -> None:
    """What patches.vitrage_stop is for; once Congress does better by itself, it can go."""
    assert run_script("vitrage_stop.py", "upstream").strip() == "in memory"
