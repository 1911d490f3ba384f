"""Which host wins a split: the one that runs the resource, unless the resource no longer works."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fencing.conftest import Fence, write
from tests.fencing.support.fake_cloud import ONE, SECRET, TWO, Cloud

HERE = platform.node()
OTHER, EARLIER = f"{HERE}-2", HERE[:-1]
DELAY = 6.0
Split = Callable[..., float]


@pytest.fixture
def split(cloud: Cloud, credentials: Path, fence: Fence, tmp_path: Path) -> Split:
    """Seconds until the other host was fenced; `where`: the host on which Pacemaker runs the resource."""

    def split(where: str | None, witness: str, other: str = OTHER) -> float:
        write(
            credentials,
            auth_url=cloud.url,
            application_credential_id="the-id",
            application_credential_secret=SECRET,
            region="RegionOne",
            servers={HERE: ONE, other: TWO},
        )
        crm_resource = tmp_path / "crm_resource"
        answer = "exit 102" if where is None else f"echo {where}"
        crm_resource.write_text(f'#!/bin/sh\n[ "$*" = "--resource ds-node --locate --quiet" ] && {answer}\n')
        crm_resource.chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        began = time.monotonic()
        parameters = ["resource=ds-node", f"witness={witness}", f"delay={DELAY}"]
        done = fence("reboot", TWO, *parameters, PATH=path)
        assert done.status == 0, done.error
        assert cloud.actions == [(TWO, "pause"), (TWO, "reboot")]
        return time.monotonic() - began

    return split


def test_the_host_that_runs_it_fences_at_once(split: Split) -> None:
    assert split(HERE, "true") < DELAY


def test_the_other_one_holds_back_while_it_works(split: Split) -> None:
    assert split(OTHER, "true") >= DELAY


@pytest.mark.parametrize("witness", ["false", "no-such-program", "sh -c 'exit 1'"])
def test_and_does_not_when_it_works_no_more(split: Split, witness: str) -> None:
    assert split(OTHER, witness) < DELAY


@pytest.mark.parametrize(("other", "holds_back"), [(OTHER, False), (EARLIER, True)])
def test_where_it_runs_nowhere_the_names_decide(split: Split, other: str, *, holds_back: bool) -> None:
    assert (split(None, "true", other) >= DELAY) == holds_back


def test_a_witness_that_falls_silent_meanwhile_ends_it(split: Split, tmp_path: Path) -> None:
    """The node works at the first check, and then no longer. A node that does not work gets no second delay."""
    once = f"mkdir {tmp_path}/asked"
    assert DELAY <= split(OTHER, once) < 2 * DELAY


def test_a_host_that_is_being_fenced_itself_fences_nobody(
    cloud: Cloud, credentials: Path, fence: Fence, tmp_path: Path
) -> None:
    servers = {HERE: ONE, OTHER: TWO}
    write(credentials, **{**json.loads(credentials.read_text()), "servers": servers})
    cloud.servers[ONE].task = "pausing"
    crm_resource = tmp_path / "crm_resource"
    crm_resource.write_text(f"#!/bin/sh\necho {OTHER}\n")
    crm_resource.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = fence("reboot", TWO, "resource=ds-node", "witness=true", "delay=0", hasty=True, PATH=path)
    assert done.status == 1
    assert "this host is being fenced itself" in done.error
    assert cloud.actions == []


def test_a_delay_that_is_none_is_refused(fence: Fence, cloud: Cloud) -> None:
    done = fence("reboot", ONE, "delay=soon")
    assert (done.status, done.error) == (1, "Failed: delay=soon: not a number of seconds\n")
    assert cloud.actions == []
