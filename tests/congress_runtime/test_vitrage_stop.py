"""A deleted vitrage datasource is gone, with its rows."""

from tests.congress_runtime.support.congress_python import run_script


def test_a_deleted_datasource_is_freed() -> None:
    assert run_script("vitrage_stop.py", "ours").strip() == "freed"


def test_upstream_keeps_it_in_memory() -> None:
    """The reason for patches.vitrage_stop. Once Congress has no such flaw, the patch can go."""
    assert run_script("vitrage_stop.py", "upstream").strip() == "in memory"
