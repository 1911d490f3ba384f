"""A deleted vitrage datasource is gone, with its rows."""

from tests.congress_runtime.support.of_congress import printed


def test_it_is_freed() -> None:
    assert printed("deleted_vitrage.py", "ours").strip() == "freed"


def test_upstream_alone_keeps_it() -> None:
    """What patches.vitrage_stop is for; once Congress does better by itself, it can go."""
    assert printed("deleted_vitrage.py", "upstream").strip() == "kept"
