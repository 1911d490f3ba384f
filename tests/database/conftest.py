"""One cluster for all tests of a run: three servers start slowly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.database.support.cluster import Cluster


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path_factory.mktemp("database"))
    try:
        cluster.build()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def cluster(built: Cluster) -> Cluster:
    """All three are well."""
    built.heal()
    return built
