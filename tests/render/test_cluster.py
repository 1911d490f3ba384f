"""The pair of the datasource node, validated by corosync, crmsh and Pacemaker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.render.support.cases import Case, Validator, case, cases
from tests.render.support.contexts.datasource_node import MEMBERS, SERVERS
from tests.render.support.pair import HERE, Pacemaker, corosync
from tests.support.programs import private, program, run

# The first host runs corosync, with Pacemaker stopped in good order; and the same host after fencing.
PENDING = 'in_ccm="true" crmd="offline" join="down" expected="down"'
FENCED = 'in_ccm="false" crmd="offline" join="down" expected="down"'


@pytest.mark.parametrize("case", cases(Validator.COROSYNC), ids=str)
def test_corosync_accepts_it(case: Case, tmp_path: Path) -> None:
    status, output = corosync(case.text, tmp_path)
    assert status == 0, output
    assert not [line for line in output.splitlines() if "notice" not in line]


@pytest.mark.parametrize(
    ("old", "new"),
    [("aes256", "aes257"), ("totem {", "totem"), ("token: 1000", "token: soon"), (HERE, "10.99.99.99")],
)
def test_corosync_refuses_what_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    text = case("datasource_node/corosync.conf.j2").text
    assert old in text
    status, output = corosync(text.replace(old, new), tmp_path)
    assert status != 0
    assert output


RELOAD = """
set -e
corosync -f > /run/log 2>&1 & trap 'kill $!; wait' EXIT
token() { corosync-cmapctl -g runtime.config.totem.token; }
for _ in $(seq 100); do token > /dev/null 2>&1 && break; sleep 0.1; done
first=$(token)
echo "$first"
sed -i 's/token: 1000/token: 7000/' /etc/corosync/corosync.conf
corosync-cfgtool -R
for _ in $(seq 100); do [ "$(token)" != "$first" ] && break; sleep 0.1; done
token
corosync-cmapctl -g runtime.config.totem.consensus
"""


def test_corosync_accepts_another_token_while_it_runs(tmp_path: Path) -> None:
    """The derived timeout changes too: a host waits 1.2 tokens more before it continues without the other one."""
    corosync(case("datasource_node/corosync.conf.j2").text, tmp_path)
    mounts = {"/etc/corosync": tmp_path / "corosync"}
    for path in ("/run", "/var/lib/corosync", "/dev/shm"):  # noqa: S108  of a namespace of its own
        mounts[path] = tmp_path / path.replace("/", "-")
        mounts[path].mkdir()
    program("corosync")
    done = run(*private(["bash", "-c", RELOAD], mounts, [HERE]))
    timeouts = [line.rpartition(" = ")[2] for line in done.stdout.splitlines() if " = " in line]
    assert timeouts == ["1000", "7000", "8400"], done.stdout + done.stderr


def test_every_member_is_listed_with_its_own_id() -> None:
    text = case("datasource_node/corosync.conf.j2").text
    values = [line.split(": ") for line in text.splitlines() if ": " in line]
    members = {
        key: [value for name, value in values if name.strip() == key]
        for key in ("nodeid", "name", "ring0_addr", "two_node")
    }
    assert members == {
        "nodeid": [str(member["id"]) for member in MEMBERS],
        "name": [member["name"] for member in MEMBERS],
        "ring0_addr": [member["address"] for member in MEMBERS],
        "two_node": ["1"],
    }


@pytest.fixture
def pacemaker(tmp_path: Path) -> Pacemaker:
    return Pacemaker(tmp_path)


@pytest.mark.parametrize("case", cases(Validator.CRM), ids=str)
def test_pacemaker_accepts_the_document_s_primitive(case: Case, pacemaker: Pacemaker) -> None:
    assert pacemaker.load(case.text) == (0, "")
    verified = run(program("crm_verify"), "--xml-file", pacemaker.cib, "-VV")
    # The only error is that no host has joined: Pacemaker would fence them.
    accepted = ("schedule_fencing", "Blind faith", "Warnings found during check")
    assert not [line for line in verified.stderr.splitlines() if not any(word in line for word in accepted)]

    (primitive, *devices) = pacemaker.xml.iter("primitive")
    agent = {key: primitive.get(key) for key in ("id", "class", "provider", "type")}
    assert agent == {"id": "ds-node", "class": "ocf", "provider": "openstack", "type": "congress-datasource"}
    node = case.context
    more = {"additional_parameters": node["additional_parameters"]} if node["additional_parameters"] else {}
    parameters = {pair.get("name"): pair.get("value") for pair in primitive.iter("nvpair")}
    wanted = {"config": node["config"], "node_id": node["node_id"], "binary": node["binary"]}
    assert parameters == {**wanted, **more}
    operations = {op.get("name"): (op.get("interval"), op.get("timeout")) for op in primitive.iter("op")}
    assert operations["monitor"] == (node["monitor_interval"], node["monitor_timeout"])
    # The agent's stop waits up to 15 s for Congress before it kills.
    assert int(str(operations["stop"][1]).removesuffix("s")) >= 20
    assert [device.get("id") for device in devices] == [f"fence-{host}" for host in node["devices"]]


@pytest.mark.parametrize(
    ("variant", "agent"), [("defaults", "fence_congress_openstack"), ("everything", "fence_openstack")]
)
def test_each_host_is_fenced_from_the_other_by_the_id_of_its_server(
    pacemaker: Pacemaker, variant: str, agent: str
) -> None:
    assert pacemaker.load(case("datasource_node/ds_node.crm.j2", variant).text) == (0, "")
    for host, server in SERVERS.items():
        (device,) = (d for d in pacemaker.xml.iter("primitive") if d.get("id") == f"fence-{host}")
        assert (device.get("class"), device.get("type")) == ("stonith", agent)
        parameters = {pair.get("name"): pair.get("value") for pair in device.iter("nvpair")}
        assert parameters["pcmk_host_map"] == f"{host}:{server}"
        (constraint,) = (p for p in pacemaker.xml.iter("rsc_location") if p.get("rsc") == f"fence-{host}")
        assert (constraint.get("node"), constraint.get("score")) == (host, "-INFINITY")
    properties = {pair.get("name"): pair.get("value") for pair in pacemaker.xml.iter("nvpair")}
    assert (properties["stonith-enabled"], properties["no-quorum-policy"]) == ("true", "stop")


def test_a_host_whose_pacemaker_was_stopped_holds_the_node_up_until_it_is_fenced(
    pacemaker: Pacemaker,
) -> None:
    """docs/recover.md: the other host has restarted meanwhile, and `stonith_admin --reboot` is the way out."""
    assert pacemaker.load(case("datasource_node/ds_node.crm.j2", "defaults").text) == (0, "")
    (pending,) = [line for line in pacemaker.plan(PENDING).splitlines() if "Start      ds-node" in line]
    assert pending.endswith("blocked")
    (fenced,) = [line for line in pacemaker.plan(FENCED).splitlines() if "Start      ds-node" in line]
    assert str(MEMBERS[1]["name"]) in fenced
    assert not fenced.endswith("blocked")


def test_defaults_are_the_documents_example() -> None:
    text = " ".join(case("datasource_node/ds_node.crm.j2", "defaults").text.replace("\\\n", " ").split())
    assert text.startswith(
        'primitive ds-node ocf:openstack:congress-datasource params config="/etc/congress/congress.conf"'
    )
    assert 'node_id="datasource-node"' in text
    assert 'op monitor interval="30s" timeout="30s"' in text


def test_a_second_load_removes_a_parameter(pacemaker: Pacemaker) -> None:
    """What is no longer in the settings must not stay in the cluster."""
    for variant in ("everything", "defaults"):
        assert pacemaker.load(case("datasource_node/ds_node.crm.j2", variant).text) == (0, "")
    names = {pair.get("name") for pair in pacemaker.xml.iter("nvpair")}
    assert "additional_parameters" not in names
    node = next(pacemaker.xml.iter("primitive"))
    assert [op.get("interval") for op in node.iter("op") if op.get("name") == "monitor"] == ["30s"]


@pytest.mark.parametrize(("old", "new"), [("node_id=", "nodeid="), ("congress-datasource", "congress-data")])
def test_crmsh_refuses_what_the_agent_does_not_declare(pacemaker: Pacemaker, old: str, new: str) -> None:
    text = case("datasource_node/ds_node.crm.j2").text
    status, complaints = pacemaker.load(text.replace(old, new))
    assert status != 0
    assert "ERROR" in complaints
    assert not list(pacemaker.xml.iter("primitive"))
