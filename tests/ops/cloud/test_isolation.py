"""Isolation of a host and its readmission, by the security groups of its port."""

from __future__ import annotations

from unittest.mock import MagicMock, create_autospec

import openstack
import pytest
from openstack.connection import Connection
from openstack.exceptions import ForbiddenException
from openstack.network.v2.port import Port

from ops.cloud import isolation
from ops.cloud.servers import CloudError
from ops.stack.outputs import StackError
from tests.ops.support.cloud_changes import state


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    cloud = create_autospec(Connection, instance=True)
    cloud.__enter__.return_value = cloud
    monkeypatch.setattr(openstack, "connect", lambda **_: cloud)
    monkeypatch.setattr(isolation, "read_state", state)
    update: MagicMock = cloud.network.update_port
    return update


def test_refused_and_admitted(port: MagicMock) -> None:
    isolation.isolate("database")
    port.assert_called_once_with("port-database", security_groups=[])
    isolation.readmit("database")
    port.assert_called_with("port-database", security_groups=["group"])


@pytest.mark.parametrize("groups", [[], ["group"]])
def test_whether_it_is_refused(monkeypatch: pytest.MonkeyPatch, groups: list[str]) -> None:
    cloud = create_autospec(Connection, instance=True)
    cloud.__enter__.return_value = cloud
    cloud.network.get_port.side_effect = lambda id_: Port(id=id_, security_group_ids=groups)
    monkeypatch.setattr(openstack, "connect", lambda **_: cloud)
    monkeypatch.setattr(isolation, "read_state", state)
    assert isolation.is_isolated("database") == (not groups)
    cloud.network.get_port.assert_called_once_with("port-database")


def test_what_the_cloud_refuses_is_one_sentence(port: MagicMock) -> None:
    port.side_effect = ForbiddenException("not yours.\nmore")
    with pytest.raises(
        CloudError, match=r"^the security groups of database-port could not be set: not yours$"
    ):
        isolation.isolate("database")


@pytest.mark.usefixtures("port")
def test_a_host_that_is_none() -> None:
    with pytest.raises(StackError, match="no port of nobody"):
        isolation.isolate("nobody")
