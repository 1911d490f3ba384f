"""The tests here share one deployment on the lab and run in the order of their files and lines.

The numbers of the files: 10 deployed and closed, 20 policies and rows, 30 changes, certificates and several hosts of a
role, 40 faults, 50 drift, 55 replaced hosts, 60 backups, from 80 on what ends the deployment. One file alone deploys
first, if nothing is deployed.

They end with the removal of stack `dev`; use `make acceptance` only on machines whose lab has nothing else.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from openstack.connection import Connection

from tests.acceptance.support import evidence
from tests.acceptance.support.deployment import Deployment, lab_cloud
from tests.acceptance.support.traffic import Traffic, traffic


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the state of the lab to the run's first failure. Later failures are often a consequence of the first."""
    report = yield
    if report.failed and not item.session.testsfailed:
        report.sections.append(("the lab", evidence.of_the_lab()))
    return report


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The stack after the first `pulumi up`."""
    deployment = Deployment(tmp_path_factory.mktemp("ssh"))
    deployment.up()
    return deployment


@pytest.fixture(scope="session")
def backup_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that test_60_backup.py writes and test_95_restored.py restores."""
    return tmp_path_factory.mktemp("backup") / "congress.tar.gz"


@pytest.fixture(scope="session")
def clouds() -> Iterator[dict[str, Connection]]:
    """The lab's cloud as the deploying user (`lab`) and as its administrator (`lab-admin`)."""
    with lab_cloud("lab") as user, lab_cloud("lab-admin") as admin:
        yield {"lab": user, "lab-admin": admin}


@pytest.fixture(scope="module")
def clients(deployment: Deployment) -> Iterator[Traffic]:
    """Clients that use the endpoint."""
    with traffic(deployment) as clients:
        yield clients
