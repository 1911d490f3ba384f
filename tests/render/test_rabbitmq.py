"""RabbitMQ's files, read by RabbitMQ's own Erlang."""

from __future__ import annotations

import sys
from pathlib import Path
from socket import IPPROTO_TCP, TCP_USER_TIMEOUT

import pytest

from tests.render.support.cases import Case, Validator, case, cases
from tests.support.programs import missing, program, run

RABBITMQ = Path("/usr/lib/rabbitmq/lib")


def rabbitmq(text: str, folder: Path) -> tuple[int, str]:
    """Result of RabbitMQ's own parser (cuttlefish, with RabbitMQ's schema), as at its start."""
    escript = program("escript")
    homes = sorted(RABBITMQ.glob("rabbitmq_server-*/plugins")) or missing("rabbitmq-server is not installed")
    (schema,) = homes[-1].glob("rabbit-*/priv/schema/rabbit.schema")
    file, identity = folder / "rabbitmq.conf", folder / "congress.pem"
    identity.touch()  # RabbitMQ refuses a name that no file has
    file.write_text(text.replace("/etc/rabbitmq/congress.pem", str(identity)))
    validator = Path(__file__).parent / "support/rabbitmq_conf.escript"
    checked = run(escript, validator, file, schema, env={"ERL_LIBS": str(homes[-1]), "HOME": str(folder)})
    return checked.returncode, checked.stdout


@pytest.mark.parametrize("case", cases(Validator.RABBITMQ), ids=str)
def test_rabbitmq_accepts_its_file(case: Case, tmp_path: Path) -> None:
    status, output = rabbitmq(case.text, tmp_path)
    assert status == 0, output
    assert "{tcp_listeners,[]}" in output
    assert f'{{ssl_listeners,[{{"{case.context["address"]}",{case.context["port"]}}}]}}' in output
    assert "{versions,['tlsv1.3']}" in output
    assert "{heartbeat,10}" in output


def test_rabbitmq_knows_the_members_of_its_cluster(tmp_path: Path) -> None:
    (clustered,) = (c for c in cases(Validator.RABBITMQ) if c.context["members"])
    _, output = rabbitmq(clustered.text, tmp_path)
    members = ",".join(f"'rabbit@{member}'" for member in reversed(clustered.context["members"]))
    assert f"{{cluster_nodes,{{[{members}],disc}}}}" in output
    assert "{cluster_partition_handling,pause_minority}" in output


def consulted(text: str, folder: Path) -> tuple[int, str]:
    """Terms of a file as Erlang reads it."""
    file = folder / "terms"
    file.write_text(text)
    script = folder / "consult.escript"
    script.write_text(
        '#!/usr/bin/env escript\nmain([F]) -> {ok, Terms} = file:consult(F), io:format("~0p", [Terms]).'
    )
    checked = run(program("escript"), script, file, env={"HOME": str(folder)})
    return checked.returncode, checked.stdout


@pytest.mark.parametrize("case", cases(Validator.ERLANG), ids=str)
def test_both_ends_of_a_link_between_members_are_verified(case: Case, tmp_path: Path) -> None:
    status, terms = consulted(case.text, tmp_path)
    assert status == 0
    assert terms.count("{verify,verify_peer}") == 2
    assert terms.count("{fail_if_no_peer_cert,true}") == 1
    assert terms.count(case.context["ca_file"]) == 2
    assert consulted(case.text.replace("]}", "]", 1), tmp_path)[0] != 0


@pytest.mark.parametrize("case", cases(Validator.RABBITMQ_ENV), ids=str)
def test_the_kernel_ends_a_link_to_a_silent_member(case: Case, tmp_path: Path) -> None:
    """RabbitMQ's shell script reads the file, and splits the arguments at blanks."""
    file = tmp_path / "rabbitmq-env.conf"
    file.write_text(case.text)
    words = run("sh", "-euc", '. "$1"; printf "%s\\n" "$NODENAME" $SERVER_ADDITIONAL_ERL_ARGS', "sh", file)
    node, *arguments = words.stdout.splitlines()
    assert node == f"rabbit@{case.context['address']}"
    options = [
        arguments[i + 2]
        for i, word in enumerate(arguments)
        if word == "-kernel" and "dist" in arguments[i + 1]
    ]
    assert len(options) == 2
    for option in options:
        status, terms = consulted(f"{option}.", tmp_path)
        assert (status, terms) == (0, f"[[{{raw,{IPPROTO_TCP},{TCP_USER_TIMEOUT},<<208,7,0,0>>}}]]")
    assert int.from_bytes(bytes([208, 7, 0, 0]), sys.byteorder) == 2000
    assert arguments[arguments.index("-proto_dist") + 1] == "inet_tls"


@pytest.mark.parametrize(("old", "new"), [("\nheartbeat", "\nheartbeats"), (":5671", ":port")])
def test_rabbitmq_refuses_what_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    text = case("messaging/rabbitmq.conf.j2").text
    assert old in text
    assert rabbitmq(text.replace(old, new), tmp_path)[0] == 1
