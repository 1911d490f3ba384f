"""A simulated cloud of many servers that the stack's real drivers poll, and policies of Congress's library over it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tests.acceptance.support import congress
from tests.acceptance.support.deployment import Deployment, request
from tests.acceptance.support.push import SYNC
from tests.acceptance.support.traffic import TIMEOUT
from tests.simulated_cloud.apis import serving
from tests.simulated_cloud.cloud import Cloud, id_of
from tests.support.waiting import wait_for

# This machine's address on the lab's bridge; hosts reach it like any address outside.
ADDRESS, PORT = "10.233.100.1", 35357
# The library's policies name datasources by their drivers.
DRIVERS = ("nova", "neutronv2", "keystonev3", "glancev2")
# UnsafeTraffic uses a table of SecurityGroups. The policies left out act on servers or concern volumes.
LIBRARY = (
    "CrossProjectNetwork",
    "BadFlavors",
    "DisallowedServerImages",
    "NetworkGateway",
    "SecurityGroups",
    "UnsafeTraffic",
)
POLICY = "large_cloud"
ALL = "rules(id) :- neutronv2:security_group_rules(id=id)"
CHANGED = (
    f'changed(prefix) :- neutronv2:security_group_rules(id="{id_of("rule", 0)}", remote_ip_prefix=prefix)'
)
POLL_TIME = 10
PAUSE = 0.5


@dataclass
class LargeCloud:
    """`engines`: node_id -> URL of only that engine."""

    deployment: Deployment
    engines: Mapping[str, str]
    cloud: Cloud

    def polled(self, seconds: float) -> float:
        """Return the seconds until each engine has all rules of all security groups."""

        def complete() -> bool:
            counts = {n: len(self.rows(url, POLICY, "rules")) for n, url in self.engines.items()}
            assert set(counts.values()) == {self.cloud.rules}, f"{counts} of {self.cloud.rules} rules"
            return True

        return waited("every engine has all rows", seconds, complete)

    def changed(self, seconds: float) -> float:
        """Change a rule of a security group; return the seconds until each engine has the change."""
        prefix = self.cloud.change_a_rule()
        return waited(
            f"every engine has the changed rule {prefix}",
            seconds,
            lambda: all(self.rows(url, POLICY, "changed") == [(prefix,)] for url in self.engines.values()),
        )

    def evaluated(self, policy: str) -> dict[str, float]:
        """The seconds that an engine needs for each table that the policy itself defines."""
        node_id, url = next(iter(self.engines.items()))
        tables = wait_for(
            f"{node_id} knows the tables of {policy}",
            SYNC,
            lambda: congress.ok(request("GET", f"{url}/v1/policies/{policy}/tables", timeout=TIMEOUT))[
                "results"
            ],
        )
        seconds = {}
        for table in tables:
            if ":" not in table["id"]:
                began = time.monotonic()
                self.rows(url, policy, table["id"])
                seconds[f"{policy}:{table['id']}"] = time.monotonic() - began
        return seconds

    def rows(self, url: str, policy: str, table: str) -> list[tuple[str, ...]]:
        return congress.rows(url, f"policies/{policy}/tables/{table}", timeout=TIMEOUT)


def waited(what: str, seconds: float, condition: object) -> float:
    began = time.monotonic()
    wait_for(what, seconds, condition, pause=PAUSE)  # type: ignore[arg-type]
    return time.monotonic() - began


@contextmanager
def large_cloud(deployment: Deployment, servers: int) -> Iterator[LargeCloud]:
    """Create datasources and policies over the cloud; remove them at the end. Other datasources are not touched."""
    cloud = Cloud(servers)
    existing = {
        source["name"] for source in congress.ok(deployment.api("GET", "/v1/data-sources"))["results"]
    }
    assert not existing & set(DRIVERS), (
        f"the stack has datasources that bear these names: {existing & set(DRIVERS)}"
    )
    try:
        with serving(cloud, ADDRESS, PORT) as auth_url, deployment.engine_urls() as engines:
            congress.ok(deployment.api("POST", "/v1/policies", {"name": POLICY}))
            for driver in DRIVERS:
                login = {"auth_url": auth_url, "username": "u", "password": "p", "tenant_name": "p"}
                made = {"name": driver, "driver": driver, "config": login | {"poll_time": str(POLL_TIME)}}
                congress.ok(deployment.api("POST", "/v1/data-sources", made, timeout=TIMEOUT))
            for rule in (ALL, CHANGED):
                wait_for(
                    "the endpoint takes a rule over the new datasource",
                    SYNC,
                    lambda rule=rule: congress.ok(  # type: ignore[misc]
                        deployment.api(
                            "POST", f"/v1/policies/{POLICY}/rules", {"rule": rule}, timeout=TIMEOUT
                        )
                    ),
                )
            yield LargeCloud(deployment, engines, cloud)
    finally:
        for policy in (POLICY, *LIBRARY):
            congress.forget(deployment, policy)
        for driver in DRIVERS:
            congress.forget(deployment, None, driver)


def activate(deployment: Deployment, name: str) -> None:
    """Copy the library's policy to the stack."""
    library = congress.ok(deployment.api("GET", "/v1/librarypolicies"))["results"]
    id_ = next(policy["id"] for policy in library if policy["name"] == name)
    congress.ok(deployment.api("POST", f"/v1/policies?library_policy={id_}", {}, timeout=TIMEOUT))
