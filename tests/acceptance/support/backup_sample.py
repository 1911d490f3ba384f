"""A policy, a rule and a datasource with a password, which must survive in a backup."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openstack.connection import Connection

from tests.acceptance.support import congress
from tests.acceptance.support.databases import writers_host
from tests.acceptance.support.deployment import Deployment, run
from tests.support.waiting import wait_for

POLICY, DATASOURCE = "backup_sample", "backup_sample_keystone"
# A mark of ownership, like that of the stack that a backup may come from.
DESCRIPTION = "a sample [congress-ha: congress-elsewhere]"
RULES = ("two(2)", f"project(name) :- {DATASOURCE}:projects(name=name)")
SYNC = 30  # seconds; the stack's syncPeriod is 5
RESTORE = 300


def make(target: str, argument: str, timeout: float = RESTORE) -> str:
    """Run `make backup FILE=...` or `make restore FILE=...`, which must succeed; return its output."""
    return run(["make", target, argument], timeout=timeout)


def prepare(deployment: Deployment, admin: Connection) -> None:
    """Recreate the sample at the endpoint."""
    congress.forget(deployment, POLICY, DATASOURCE)
    datasource = congress.datasource_of("keystonev3", DATASOURCE, admin)
    congress.ok(deployment.api("POST", "/v1/data-sources", datasource, timeout=130))
    congress.ok(deployment.api("POST", "/v1/policies", {"name": POLICY, "description": DESCRIPTION}))
    for rule in RULES:
        wait_for(
            f"the endpoint takes the rule {rule}",
            SYNC,
            lambda rule=rule: congress.ok(  # type: ignore[misc]
                deployment.api("POST", f"/v1/policies/{POLICY}/rules", {"rule": rule})
            ),
        )


def rules(deployment: Deployment) -> set[str]:
    """The rules of the policy at the endpoint; empty if there is no policy."""
    answer = deployment.api("GET", f"/v1/policies/{POLICY}/rules")
    return {rule["rule"] for rule in answer.body["results"]} if answer.status == 200 else set()


def works(deployment: Deployment, admin: Connection) -> None:
    """Assert that the policy's owner is the same, and that every engine evaluates the rules over rows that the
    datasource has just polled with its password.
    """
    assert congress.ok(deployment.api("GET", f"/v1/policies/{POLICY}"))["description"] == DESCRIPTION
    keystone: Any = admin.identity
    with deployment.engine_urls() as engines, project(keystone) as name:
        wait_for(
            f"every engine knows project {name}, made a moment ago",
            60,
            lambda: all(
                (name,) in rows
                for rows in congress.by_engine(engines, f"policies/{POLICY}/tables/project").values()
            ),
        )
        assert set(map(tuple, congress.by_engine(engines, f"policies/{POLICY}/tables/two").values())) == {
            (("2",),)
        }
    status = congress.ok(deployment.api("GET", f"/v1/data-sources/{DATASOURCE}/status"))
    assert status["last_error"] == "None", status


def aes_key(deployment: Deployment) -> str:
    return deployment.on(deployment.hosts("datasource-node")[0], "cat /etc/congress/keys/aes_key")


def dumps(deployment: Deployment) -> list[str]:
    """Names of the dumps on the database's host, which takes the writes."""
    host = writers_host(deployment)
    return deployment.on(host, "ls /var/backups/congress 2>/dev/null || true").split()


def private(file: Path) -> bool:
    return file.stat().st_mode & 0o7777 == 0o600


@contextmanager
def project(keystone: Any) -> Iterator[str]:
    """A temporary project of the cloud; yields its name."""
    made = keystone.create_project(name=f"congress-backup-sample-{time.time_ns()}")
    try:
        yield made.name
    finally:
        keystone.delete_project(made)
