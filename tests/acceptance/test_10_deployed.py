"""After the first `pulumi up`: the processes, the cluster and the schema that the document requires."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.acceptance.support.deployment import CONGRESS_HA, ROOT, Deployment, run
from tests.acceptance.support.guests import inits

pytestmark = pytest.mark.timeout(1200)  # the first test deploys

ENGINE = (
    "/opt/congress/bin/python /usr/local/bin/congress-server --config-file /etc/congress/congress.conf"
    " --config-file /etc/congress/{id}.conf --api --policy-engine --node-id={id}"
)
DATASOURCE_NODE = re.compile(
    r"\S*python\S* /usr/local/bin/congress-server --config-file=/etc/congress/congress.conf"
    r" --datasources --node-id=datasource-node\b"
)


def congress_processes(deployment: Deployment, host: str) -> list[str]:
    """User and command line of every congress-server process on a host."""
    listed = deployment.on(host, "ps -eo user:20=,args= | grep '[c]ongress-server --config-file' || true")
    return [re.sub(r"\s+", " ", line) for line in listed.splitlines()]


def test_each_engine_runs_once_on_its_host_with_its_own_id(deployment: Deployment) -> None:
    for engine in deployment.engines:
        wanted = [
            f"congress {ENGINE.format(id=e['node_id'])}"
            for e in deployment.engines
            if e["host"] == engine["host"]
        ]
        assert sorted(congress_processes(deployment, engine["host"])) == sorted(wanted)


def test_the_datasource_node_runs_on_exactly_one_of_the_pair(deployment: Deployment) -> None:
    pair = deployment.outputs["datasource_node"]["hosts"]
    processes = {host: congress_processes(deployment, host) for host in pair}
    running = [line for lines in processes.values() for line in lines if DATASOURCE_NODE.search(line)]
    assert len(running) == 1, processes
    assert running[0].startswith("congress "), running
    cluster = deployment.on(pair[0], "crm_mon -1 --output-as=xml")
    located = re.search(r'<resource id="ds-node".*?<node name="([^"]+)"', cluster, re.DOTALL)
    assert located is not None, cluster
    assert processes[located[1].removeprefix("congress-dev-")] == running
    assert "<failures>" not in cluster, cluster


def test_every_congress_host_sees_one_datasource_node_on_the_bus(deployment: Deployment) -> None:
    for host in (*deployment.hosts("datasource-node"), *deployment.hosts("policy-engine")):
        output = deployment.on(host, "/opt/congress/bin/python -m congress_runtime.probes.datasource_node")
        assert output == "one datasource node serves the bus"


def test_the_agent_is_upstream_s_and_the_pair_s_configuration_the_same(deployment: Deployment) -> None:
    digests = {
        host: deployment.on(
            host,
            "cd /usr/lib/ocf/resource.d/openstack && stat -c %a congress-datasource && sha256sum < congress-datasource"
            " && sha256sum /etc/congress/congress.conf /etc/congress/keys/aes_key",
        )
        for host in deployment.hosts("datasource-node")
    }
    assert len(set(digests.values())) == 1, digests
    upstream = (ROOT / "files/congress/congress-datasource.sha256").read_text().split()[0]
    assert next(iter(digests.values())).splitlines()[:2] == ["755", f"{upstream}  -"]


def test_all_congress_hosts_share_configuration_and_key(deployment: Deployment) -> None:
    hosts = (*deployment.hosts("datasource-node"), *deployment.hosts("policy-engine"))
    digests = {
        deployment.on(h, "sha256sum /etc/congress/congress.conf /etc/congress/keys/aes_key") for h in hosts
    }
    assert len(digests) == 1


def test_secrets_on_hosts_are_private(deployment: Deployment) -> None:
    for host in (*deployment.hosts("datasource-node"), *deployment.hosts("policy-engine")):
        modes = deployment.on(
            host, "stat -c '%U:%G %a' /etc/congress/congress.conf /etc/congress/keys/aes_key"
        )
        assert modes.splitlines() == ["root:congress 640", "congress:congress 600"]


def test_hosts_of_one_role_run_on_different_compute_hosts(
    deployment: Deployment, clouds: dict[str, object]
) -> None:
    admin = clouds["lab-admin"]
    placed = {
        server.name.removeprefix("congress-dev-"): server.hypervisor_hostname
        for server in admin.compute.servers(all_projects=True)  # type: ignore[attr-defined]
    }
    for role in ("datasource-node", "policy-engine", "load-balancer", "messaging", "database"):
        hosts = [placed[name] for name in deployment.hosts(role)]
        assert len(set(hosts)) == len(hosts), placed


def test_each_host_has_control_groups_of_its_own(deployment: Deployment) -> None:
    """On the lab. With shared groups, the systemd of one server removed the group of a unit of another one."""
    groups = [Path(f"/proc/{pid}/cgroup").read_text() for pid in inits()]
    own = [re.findall(r"name=systemd:(.*)", group) for group in groups]
    assert len(own) >= len(deployment.outputs["hosts"])
    assert all("/servers/" in group for (group,) in own), own
    assert len({group for (group,) in own}) == len(own), own


def test_verify_finds_no_drift(deployment: Deployment) -> None:
    assert deployment.endpoint
    assert run([*CONGRESS_HA, "verify"], timeout=120)


def test_the_work_tree_is_unchanged(deployment: Deployment) -> None:
    assert deployment.endpoint
    assert run(["git", "status", "--porcelain", "--", "Pulumi*", "components", "templates"], timeout=30) == ""
