"""The fence agent's file: its login, the servers that it names, and who may read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fencing.conftest import Fence, write
from tests.fencing.support.fake_cloud import ONE, SECRET, TWO, Cloud


def test_monitor_does_nothing_and_sees_every_server(cloud: Cloud, fence: Fence) -> None:
    assert fence("monitor").status == 0
    assert cloud.actions == []
    del cloud.servers[TWO]
    done = fence("monitor")
    assert done.status == 1
    assert f"server {TWO} of host two is gone" in done.error


def test_monitor_notices_a_credential_that_may_do_nothing(cloud: Cloud, fence: Fence) -> None:
    cloud.allowed = False
    done = fence("monitor")
    assert done.status == 1
    assert "its access rules lack this" in done.error


def test_a_revoked_credential_is_named_by_its_id(cloud: Cloud, fence: Fence) -> None:
    cloud.secret = "another"
    done = fence("monitor")
    assert done.status == 1
    assert f"keystone at {cloud.url} refuses application credential the-id: HTTP 401" in done.error


def test_a_region_without_nova_is_named(cloud: Cloud, fence: Fence) -> None:
    cloud.regions = ("RegionTwo",)
    done = fence("monitor")
    assert done.status == 1
    assert "region RegionOne" in done.error


def test_only_the_servers_of_the_file_can_be_named(cloud: Cloud, fence: Fence) -> None:
    stranger = "33333333-cccc-4ccc-8ccc-333333333333"
    done = fence("reboot", stranger)
    assert done.status == 1
    assert stranger in done.error
    assert cloud.actions == []


def test_list_gives_servers_and_hosts(fence: Fence) -> None:
    assert fence("list").out == f"{ONE},one\n{TWO},two\n"


def test_a_file_that_others_may_read_is_refused(credentials: Path, fence: Fence) -> None:
    credentials.chmod(0o640)
    done = fence("validate-all")
    assert done.status == 1
    assert "chmod 0600" in done.error


@pytest.mark.parametrize("text", ["no json " + SECRET, "[]", json.dumps({"secret": SECRET})])
def test_a_file_that_is_none_is_refused_without_quoting_it(
    credentials: Path, fence: Fence, text: str
) -> None:
    credentials.write_text(text)
    done = fence("validate-all")
    assert done.status == 1
    assert str(credentials) in done.error
    assert len(done.error.splitlines()) == 1


def test_no_cloud_at_all_is_one_clear_line(credentials: Path, fence: Fence) -> None:
    values = json.loads(credentials.read_text())
    write(credentials, **{**values, "auth_url": "http://127.0.0.1:9"})
    done = fence("reboot", ONE, hasty=True)
    assert done.status == 1
    assert "Connection refused" in done.error
    assert len(done.error.splitlines()) == 1
