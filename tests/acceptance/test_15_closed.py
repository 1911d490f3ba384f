"""Who can reach whom: exactly what tests/support/openings.py says, tested from every host and from outside."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.support.deployment import Deployment
from tests.support.openings import (
    NAMES,
    OF_THREE_BROKERS,
    OF_THREE_DATABASES,
    OF_TWO_LOAD_BALANCERS,
    OPENINGS,
)

pytestmark = pytest.mark.timeout(300)

# rabbitmqctl listens there only while it runs.
FOR_A_MOMENT = range(35672, 35683)
# Client role or range of addresses, server role, TCP port.
OPEN = {
    (peer, role, port)
    for role, protocol, first, last, peer in OPENINGS
    | OF_TWO_LOAD_BALANCERS
    | OF_THREE_BROKERS
    | OF_THREE_DATABASES
    if protocol == "tcp"
    for port in range(first, last + 1)
    if port not in FOR_A_MOMENT
}
PUBLIC = sorted({role for peer, role, _ in OPEN if peer not in NAMES})
# Prints host and port of each server that accepts a connection. A port that a security group closes never answers.
PROBE = """
import json, socket
from concurrent.futures import ThreadPoolExecutor
def answers(target):
    try:
        socket.create_connection(target[1:], timeout=3).close()
    except OSError:
        return None
    return target[0], target[2]
with ThreadPoolExecutor(64) as pool:
    print(json.dumps([found for found in pool.map(answers, {targets}) if found]))
"""


def listening(deployment: Deployment, host: str) -> set[int]:
    """TCP ports that listen on other addresses than the loopback."""
    lines = deployment.on(host, "ss -Hltn").splitlines()
    addresses = [line.split()[3].rsplit(":", 1) for line in lines]
    return {int(port) for address, port in addresses if not address.startswith(("127.", "[::1]"))}


def test_every_host_reaches_what_the_table_says_and_nothing_else(deployment: Deployment) -> None:
    hosts = deployment.outputs["hosts"]
    with ThreadPoolExecutor(len(hosts)) as pool:
        ports = dict(zip(hosts, pool.map(lambda host: listening(deployment, host), hosts), strict=True))

        def reached(asking: str) -> set[tuple[str, str, int]]:
            targets = [(h, hosts[h]["address"], port) for h in hosts if h != asking for port in ports[h]]
            script = PROBE.format(targets=repr(targets))
            reachable = json.loads(deployment.on(asking, f"python3 - <<'END'\n{script}\nEND"))
            return {(asking, host, port) for host, port in reachable}

        seen = set().union(*pool.map(reached, hosts))
    roles = {host: set(details["roles"]) for host, details in hosts.items()}
    assert seen == {
        (asking, host, port)
        for asking in hosts
        for host in hosts
        if host != asking
        for role, other, port in OPEN
        if role in roles[asking] and other in roles[host]
    }


@pytest.mark.parametrize("host", PUBLIC)
def test_from_outside_only_ssh_and_the_api_answer(deployment: Deployment, host: str) -> None:
    public = {
        "bastion": deployment.outputs["bastion"],
        "load-balancer": deployment.endpoint.split("/")[2].split(":")[0],
    }
    ports = listening(deployment, host)

    def answers(port: int) -> bool:
        try:
            socket.create_connection((public[host], port), timeout=3).close()
        except OSError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        open_ports = {port for port, open_ in zip(ports, pool.map(answers, ports), strict=True) if open_}
    assert open_ports == {port for peer, role, port in OPEN if role == host and peer not in NAMES}


def test_only_root_reaches_the_metadata_service_on_each_host(deployment: Deployment) -> None:
    """The metadata service returns the host's SSH key. The host's own rule rejects the request at once."""
    ask = "runuser -u nobody -- bash -c ': < /dev/tcp/169.254.169.254/80' 2>&1 || true"
    hosts = deployment.outputs["hosts"]
    with ThreadPoolExecutor(len(hosts)) as pool:
        errors = dict(zip(hosts, pool.map(lambda host: deployment.on(host, ask), hosts), strict=True))
    assert {host for host, error in errors.items() if "Connection refused" in error} == set(hosts), errors


# A line for each process of Congress: its kernel status, and whether it may write to /usr.
SHUT_IN = """
for process in $(pgrep -u congress); do
  awk '/^(CapEff|NoNewPrivs|Seccomp):/ {printf "%s ", $2}' /proc/$process/status
  nsenter -t $process -m findmnt -n -o OPTIONS -T /usr | cut -d , -f 1
done
"""


def test_congress_is_confined_on_every_host(deployment: Deployment) -> None:
    """No capabilities, no new privileges, a system call filter: by the unit of engines and of Pacemaker."""
    pair, engines = deployment.hosts("datasource-node"), deployment.hosts("policy-engine")
    limits = {host: deployment.on(host, SHUT_IN).splitlines() for host in (*pair, *engines)}
    assert [host for host in engines if not limits[host]] == []
    assert len([host for host in pair if limits[host]]) == 1
    assert {line for lines in limits.values() for line in lines} == {f"{0:016x} 1 2 ro"}, limits
