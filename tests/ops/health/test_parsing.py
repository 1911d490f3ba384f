from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ops.cloud.servers import Server
from ops.health.facts import Unseen
from ops.health.parsing import days_left, parse_facts, parsed
from ops.health.roles.database import Database, DatabaseHealth
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.datasource_node.cluster import Cluster, Failure, FenceEvent
from ops.health.roles.datasource_node.crm_mon import cluster
from ops.health.roles.load_balancer import Backend, LoadBalancerHealth
from ops.health.roles.messaging import Bus, MessagingHealth
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.health.roles.policy_engine.engine import EngineState, EngineView
from ops.remote.runner import CommandResult
from ops.ssh.survey import Report, ssh_error
from ops.stack.outputs import StackError, parse
from tests.ops.support.sample_stack import SERVERS, STACK, facts, reports, sample


def answered(code: int | None = 0, out: str = "", err: str = "") -> CommandResult:
    return {"code": code, "out": out, "err": err, "seconds": 3.5}


def other(host: str, **answers: CommandResult) -> Report:
    """The host's report of the sample, with other answers."""
    return Report(answers={**reports()[host].answers, **answers})


def test_a_healthy_deployment_is_read_from_the_answers_of_its_hosts() -> None:
    seen = facts()
    pair = seen[DatasourceNodeHealth]
    view = pair.clusters["datasource-2"]
    assert isinstance(view, Cluster)
    assert (view.quorum, view.maintenance, view.stonith_enabled, view.fencing) == (True, False, False, ())
    assert [(node.name, node.online, node.standby) for node in view.nodes] == [
        ("congress-dev-datasource-1", True, False),
        ("congress-dev-datasource-2", True, False),
    ]
    (node,) = view.resources
    assert (node.id, node.started, node.nodes) == ("ds-node", True, ("congress-dev-datasource-1",))
    (process,) = [
        p for processes in pair.processes.values() if not isinstance(processes, Unseen) for p in processes
    ]
    assert process.state == "S"
    assert all(isinstance(ping, int) and ping > 0 for ping in pair.pings.values())
    database, bus = seen[DatabaseHealth].database, seen[MessagingHealth].bus
    assert isinstance(database, Database)
    assert database.max_connections == 500
    assert database.changed is not None
    assert isinstance(bus, Bus)
    assert (bus.alarms, bus.consumers) == ("", 1)
    balancer = seen[LoadBalancerHealth].balancers["load-balancer"]
    assert isinstance(balancer, dict)
    assert balancer.keys() == {"policy-engine-1", "policy-engine-2"}
    assert {backend.status for backend in balancer.values()} == {"UP"}


def test_an_engine_s_memory_is_read() -> None:
    engine = facts()[PolicyEngineHealth].engines["policy-engine-2"]
    assert engine.unit == ("active", "running")
    assert isinstance(engine.view, EngineView)
    assert engine.view.sync_period == 5
    assert engine.view.policies
    policy = engine.view.policies["acceptance"]
    assert policy.present
    assert (policy.complete, policy.missing) == (True, ())
    assert policy.tables == ("p", "q")


def test_the_load_of_an_engine_is_read() -> None:
    assert facts()[PolicyEngineHealth].engines["policy-engine-2"].cpu is None
    unit = answered(out="ActiveState=active\nSubState=running\nNRestarts=0\nMainPID=7\nCPUShare=0.97\n")
    seen = facts({"policy-engine-host-2": other("policy-engine-host-2", **{"unit policy-engine-2": unit})})
    assert seen[PolicyEngineHealth].engines["policy-engine-2"].cpu == 0.97


def test_failures_fencing_standby_and_a_move_are_read_from_crm_mon() -> None:
    view = cluster(sample("crm_mon-faults.xml"), sample("constraints-faults.xml"))
    assert view.stonith_enabled
    assert [(node.online, node.standby) for node in view.nodes] == [(True, False), (True, True)]
    assert [(device.id, device.started) for device in view.fencing] == [
        ("fence-datasource-1", True),
        ("fence-datasource-2", False),
    ]
    node = "congress-dev-datasource-1"
    assert view.failures == (
        Failure("ds-node", node, "monitor", "not running: process is gone"),
        Failure("fence-datasource-2", node, "start", "error: Unable to connect/login to fencing device"),
    )
    assert view.move_constraints == ("cli-ban-ds-node-on-congress-dev-datasource-2",)


def test_fence_history_is_read() -> None:
    # As in pacemaker's schema api/fence-event-2.15.rng.
    history = (
        '<fence_history status="0"><fence_event status="failed" action="reboot" target="b" client="c" '
        'origin="a" completed="2026-11-23 16:47:37Z" exit-reason="no login"/></fence_history></pacemaker-result>'
    )
    text = sample("crm_mon-faults.xml").replace("</pacemaker-result>", history)
    assert cluster(text, "").fence_events == (FenceEvent("reboot", "b", "failed", "no login"),)


@pytest.mark.parametrize("text", ["", "crm_mon: Error: cluster is not available", "<pacemaker-result/>"])
def test_a_cluster_that_reports_nothing_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="crm_mon"):
        cluster(text, "")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (answered(code=None), "no answer within 4 s"),
        (answered(code=127, err="crm_mon: No such file or directory"), "crm_mon: No such file or directory"),
        (
            answered(code=102, err="noise\nCould not connect: Transport endpoint\n"),
            "Could not connect: Transport endpoint",
        ),
        (answered(code=1), "exit code 1"),
        (
            answered(out="no number"),
            "answer not understood: invalid literal for int() with base 10: 'no number'",
        ),
    ],
)
def test_a_probe_without_an_answer_keeps_its_reason(answer: CommandResult, why: str) -> None:
    assert parsed(Report(answers={"ping": answer}), "ping", int) == Unseen(why)


def test_an_unreachable_host_is_reported_once() -> None:
    seen = facts({"messaging": Report("Connection refused", connected=False)})
    assert seen[MessagingHealth].bus == Unseen("Connection refused", explained=True)
    assert seen.hosts["messaging"].ssh == "Connection refused"


def test_servers_of_the_cloud() -> None:
    servers = {**SERVERS, "congress-dev-database": Server("ERROR", "No valid host")}
    servers.pop("congress-dev-messaging")
    seen = parse_facts(STACK, reports(), servers, 20)
    assert (seen.hosts["database"].status, seen.hosts["database"].fault) == ("ERROR", "No valid host")
    assert seen.hosts["messaging"].status == "missing"
    without = parse_facts(STACK, reports(), "no login", 20)
    assert (without.cloud, without.hosts["database"].status) == ("no login", None)


def test_facts_that_no_host_reports_are_not_invented() -> None:
    lost = Report("no connection within 5 s", connected=False)
    engine = facts({"policy-engine-host-1": lost})[PolicyEngineHealth].engines["policy-engine-1"]
    unseen = Unseen("no connection within 5 s", explained=True)
    assert engine == EngineState("policy-engine-host-1", unseen, 0, unseen)


def test_alarms_are_read_and_another_node_s_process_is_ignored() -> None:
    alarm = "alarms=[{{resource_limit,disk,rabbit@m},[]}]\nconnections=3\nconsumers=2\nrunning=1\n"
    ps = (
        "  7 S /opt/congress/bin/python congress-server --datasources --node-id=another\n"
        "  8 Tl /opt/congress/bin/python congress-server --datasources --node-id=datasource-node\n"
        "  9 S /opt/congress/bin/python congress-server --api --policy-engine --node-id=datasource-node\n"
    )
    answers = {**reports()["datasource-1"].answers, "processes": answered(out=ps)}
    seen = facts(
        {
            "messaging": other("messaging", bus=answered(out=alarm)),
            "datasource-1": Report(answers=answers),
        }
    )
    assert seen[MessagingHealth].bus == Bus("[{{resource_limit,disk,rabbit@m},[]}]", 3, 2, running=1)
    processes = seen[DatasourceNodeHealth].processes["datasource-1"]
    assert not isinstance(processes, Unseen)
    assert [(process.pid, process.state) for process in processes] == [(8, "Tl")]


def test_a_backend_that_is_down_keeps_the_reason_of_its_check() -> None:
    csv = reports()["load-balancer"].answers["haproxy"]["out"]
    line = next(line for line in csv.splitlines() if line.startswith("policy_engines,policy-engine-2"))
    down = (
        line.replace(",UP,", ",DOWN,")
        .replace("L7OK,200", "L4CON,")
        .replace(",Layer7 check passed", ",Connection refused")
    )
    seen = facts({"load-balancer": other("load-balancer", haproxy=answered(out=csv.replace(line, down)))})
    balancer = seen[LoadBalancerHealth].balancers["load-balancer"]
    assert isinstance(balancer, dict)
    assert balancer["policy-engine-2"] == Backend("DOWN", "L4CON")


def test_a_backend_drained_by_its_agent_shows_the_agent_s_reason() -> None:
    csv = reports()["load-balancer"].answers["haproxy"]["out"]
    names = csv.removeprefix("# ").split("\n", 1)[0].split(",")
    line = next(line for line in csv.splitlines() if line.startswith("policy_engines,policy-engine-2"))
    values = dict(zip(names, line.split(","), strict=True))
    down = {**values, "status": "DOWN (agent)", "last_agt": "Layer7 wrong status : via agent : down"}
    text = csv.replace(line, ",".join(down.values()))
    seen = facts({"load-balancer": other("load-balancer", haproxy=answered(out=text))})
    balancer = seen[LoadBalancerHealth].balancers["load-balancer"]
    assert isinstance(balancer, dict)
    assert balancer["policy-engine-2"] == Backend("DOWN (agent)", down["last_agt"])


@pytest.mark.parametrize(
    ("stderr", "why"),
    [
        (
            "ssh: connect to host 10.0.0.1 port 22: Connection refused\nkex_exchange: closed\n",
            "ssh: connect to host 10.0.0.1 port 22: Connection refused",
        ),
        ("@@@@@@@@\n@ WARNING: CHANGED @\nHost key verification failed.\n", "Host key verification failed."),
        ("", ""),
    ],
)
def test_the_line_of_ssh_that_has_the_reason(stderr: str, why: str) -> None:
    assert ssh_error(stderr) == why


def test_outputs_become_a_stack_and_incomplete_ones_are_refused() -> None:
    outputs = {
        "endpoint": "https://192.0.2.10:1789/",
        "hosts": {"database": {"address": "10.0.0.2", "roles": ["database"]}},
        "policy_engines": [{"node_id": "e-1", "host": "h-1", "address": "10.0.0.5", "port": 1790}],
        "datasource_node": {"node_id": "datasource-node", "hosts": []},
        "ssh_config": "",
        "ssh_known_hosts": "",
        "ssh_private_key": "",
    }
    stack = parse("me/congress-ha/prod", outputs)
    assert stack.hosts["database"].server == "congress-prod-database"
    assert stack.engines[0].url == "http://10.0.0.5:1790"
    with pytest.raises(StackError, match="stack prod has no output datasource_node"):
        parse("prod", {})


def test_days_are_counted_to_the_end_of_a_certificate() -> None:
    ends = datetime.now(UTC) + timedelta(days=30, hours=1)
    assert days_left(f"notAfter={ends:%Y-%m-%d %H:%M:%S}Z\n") == 30
    assert days_left("notAfter=2026-01-01 00:00:00Z\n") < 0
