"""What HAProxy on each load balancer says about the engines."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator

from tests.acceptance.support.deployment import Deployment


def balanced(deployment: Deployment) -> Iterator[tuple[str, dict[str, str]]]:
    """node_id and HAProxy's statistics of each engine, at each load balancer."""
    for host in deployment.hosts("load-balancer"):
        listed = deployment.on(host, "curl -s 'http://127.0.0.1:8404/;csv'")
        for row in csv.DictReader(listed.removeprefix("# ").splitlines()):
            if row["pxname"] == "policy_engines" and row["svname"] != "BACKEND":
                yield row["svname"], row


def requests_sent(deployment: Deployment) -> dict[str, int]:
    """node_id -> how many requests the load balancers have sent to that engine, without health checks."""
    return summed(deployment, "stot")


def taken_down(deployment: Deployment) -> dict[str, int]:
    """node_id -> how often the load balancers have marked that engine down since their HAProxy started."""
    return summed(deployment, "chkdown")


def weights(deployment: Deployment, node_id: str) -> set[str]:
    """The weights of an engine at the load balancers."""
    return {row["weight"] for name, row in balanced(deployment) if name == node_id}


def summed(deployment: Deployment, column: str) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for node_id, row in balanced(deployment):
        sums[node_id] += int(row[column])
    return dict(sums)
