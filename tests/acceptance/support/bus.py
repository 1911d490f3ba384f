"""The hosts of the message bus."""

from __future__ import annotations

import json
from typing import Any

from tests.acceptance.support.deployment import Deployment
from tests.support.waiting import wait_for

# A busy member may be too slow for the connection of its command line tool, which then exits with 69 at once.
AWAIT_MAJORITY = "{ for try in 1 2 3; do rabbitmq-upgrade -q await_online_quorum_plus_one && break; done; }"


def restart_bus(deployment: Deployment) -> float:
    """Restart RabbitMQ on each host, one after the other; return when the last one had stopped (time.time()).

    RabbitMQ still serves while it is stopping. With three hosts, the next one waits until every queue has a majority
    without it.
    """
    hosts = deployment.hosts("messaging")
    majority = f"{AWAIT_MAJORITY} && " if len(hosts) > 1 else ""
    restart = f"{majority}systemctl stop rabbitmq-server && date +%s.%N && systemctl start rabbitmq-server"
    return [float(deployment.on(host, restart, timeout=240)) for host in hosts][-1]


def bus_is_whole(deployment: Deployment) -> None:
    """Wait until all three hosts run in one cluster, and each queue has a copy on each of them."""
    assert len(deployment.hosts("messaging")) > 1
    # Repeated also because a busy member may be too slow for its command line tool, as above.
    wait_for("the bus is one cluster with three copies of each queue", 90, lambda: is_whole(deployment))


def is_whole(deployment: Deployment) -> bool:
    hosts = deployment.hosts("messaging")
    for host in hosts:
        printed = deployment.on(host, "rabbitmqctl -q cluster_status --formatter json")
        assert len(json.loads(printed)["running_nodes"]) == len(hosts), (host, printed)
    queues = lasting_queues(deployment, hosts[0])
    assert any(queue["name"].startswith("congress-service") for queue in queues)
    assert {queue["type"] for queue in queues} == {"quorum"}
    assert [queue for queue in queues if len(queue["online"]) < len(hosts)] == []
    return True


def lasting_queues(deployment: Deployment, host: str) -> list[dict[str, Any]]:
    """Queues that outlive their connection and get messages.

    A queue that expires while members restart may stay in RabbitMQ's list (3.10.8), without a member and without an
    exchange that sends anything to it. Such a queue is left out.
    """
    columns = "name type exclusive members online"
    queues = listed(deployment, host, f"list_queues -p congress {columns}")
    bindings = listed(deployment, host, "list_bindings -p congress source_name destination_name")
    bound = {binding["destination_name"] for binding in bindings if binding["source_name"]}
    return [queue for queue in queues if not queue["exclusive"] and queue["name"] in bound]


def listed(deployment: Deployment, host: str, command: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        deployment.on(host, f"rabbitmqctl -q {command} --formatter json")
    )
    return found
