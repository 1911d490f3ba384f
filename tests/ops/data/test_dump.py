"""The schema revision in the text of a dump."""

from __future__ import annotations

import io

import pytest

from ops.data.dump import DatabaseError, revision_in
from tests.ops.support.fake_database_hosts import (
    DUMP,
)


def test_the_revision_is_read_from_a_dump_of_any_age() -> None:
    assert revision_in(io.BytesIO(DUMP)) == "c0125080d572"
    assert revision_in(io.BytesIO(DUMP.replace(b"VALUES\n(", b"VALUES ("))) == "c0125080d572"
    with pytest.raises(DatabaseError, match="not a dump of Congress's database"):
        revision_in(io.BytesIO(b"INSERT INTO `policies` VALUES ('alembic_version');\n"))
