"""Files of systemd, MariaDB and RabbitMQ, each validated by the program that reads it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from socket import IPPROTO_TCP, TCP_USER_TIMEOUT

import pytest

from components.database import PRIVILEGES
from tests.render.support.cases import Case, Validator, case, cases
from tests.render.support.contexts import DATABASE, PASSWORD
from tests.support.programs import missing, private, program, run


def systemd(text: str, folder: Path) -> tuple[int, str]:
    """Result for a unit, on a host with our programs in /usr/local/bin and the agent of the engine."""
    unit = folder / "congress-policy-engine@policy-engine-1.service"
    unit.write_text(text)
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("congress-server", "congress-drain"):
        (programs / name).touch(mode=0o755)
    agent = folder / "congress-agent-check-policy-engine-1.service"
    agent.write_text(case("policy_engines/agent.service.j2").text)
    argv = private([program("systemd-analyze"), "verify", "--man=no", unit], {"/usr/local/bin": programs})
    checked = run(*argv)
    return checked.returncode, checked.stdout + checked.stderr


@pytest.mark.parametrize("case", cases(Validator.SYSTEMD), ids=str)
def test_systemd_accepts_the_unit(case: Case, tmp_path: Path) -> None:
    assert systemd(case.text, tmp_path) == (0, "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Restart=always", "Restart=alwayss"),
        ("TimeoutStopSec", "TimeoutStop"),
        ("/congress-server", "/no-server"),
    ],
)
def test_systemd_reports_what_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    text = case("policy_engines/unit.service.j2").text
    assert old in text
    assert systemd(text.replace(old, new), tmp_path)[1]


def test_unit_starts_the_documents_command_and_stays_up() -> None:
    """The document: `congress-server --api --policy-engine --node-id=<unique_node_id>`."""
    lines = [
        line.split("=", 1) for line in case("policy_engines/unit.service.j2").text.splitlines() if "=" in line
    ]
    service = {key: value for key, value in lines if not key.startswith("#")}
    assert service["ExecStart"].split() == [
        "/usr/local/bin/congress-server",
        *("--config-file", "/etc/congress/congress.conf"),
        *("--config-file", "/etc/congress/%i.conf"),
        "--api",
        "--policy-engine",
        "--node-id=%i",
    ]
    # Congress ends with status 0 on fatal errors of its database.
    assert service["Restart"] == "always"
    assert service["StartLimitIntervalSec"] == "0"
    assert service["User"] == "congress"


@pytest.mark.parametrize("case", cases(Validator.SYSTEMD), ids=str)
def test_services_for_clients_are_confined(case: Case, tmp_path: Path) -> None:
    """An exposure of 10 means that a process may do everything its user may; without the sandbox it is 9.2."""
    unit = tmp_path / f"{case.template.split('/')[1].split('.')[0]}@a.service"
    unit.write_text(case.text)
    checked = run(
        program("systemd-analyze"), "security", "--offline=true", "--threshold=20", "--no-pager", unit
    )
    assert checked.returncode == 0, checked.stdout


def drop_in(text: str, folder: Path) -> tuple[int, str]:
    """Result for a drop-in of Pacemaker's unit."""
    unit = folder / "pacemaker.service"
    unit.write_text(f"[Service]\nExecStart={program('true')}\n")
    beside = folder / "pacemaker.service.d"
    beside.mkdir(exist_ok=True)
    (beside / "congress-ha.conf").write_text(text)
    checked = run(
        "env", f"SYSTEMD_UNIT_PATH={folder}:", program("systemd-analyze"), "verify", "--man=no", unit
    )
    return checked.returncode, checked.stdout + checked.stderr


@pytest.mark.parametrize("case", cases(Validator.SYSTEMD_DROP_IN), ids=str)
def test_systemd_accepts_the_drop_in_of_a_unit(case: Case, tmp_path: Path) -> None:
    assert drop_in(case.text, tmp_path) == (0, "")
    misspelt = re.sub(r"^(\w+)=", r"\1x=", case.text, count=1, flags=re.MULTILINE)
    assert "Unknown key" in drop_in(misspelt, tmp_path)[1]


def mariadb(text: str, folder: Path) -> tuple[int, dict[str, str], str]:
    """MariaDB's variables with only this file: exit status, name -> value, errors."""
    file = folder / "90-congress.cnf"
    file.write_text(text)
    file.chmod(0o644)
    checked = run(
        program("mariadbd"),
        f"--defaults-file={file}",
        f"--datadir={folder}",
        "--user=root",
        "--verbose",
        "--help",
    )
    table = checked.stdout.partition("--------- ")[2]
    values = dict(line.split(None, 1) for line in table.splitlines()[1:] if len(line.split(None, 1)) == 2)
    return (
        checked.returncode,
        values,
        "\n".join(line for line in checked.stderr.splitlines() if "ERROR" in line),
    )


@pytest.mark.parametrize("case", cases(Validator.MARIADB), ids=str)
def test_mariadb_accepts_its_file(case: Case, tmp_path: Path) -> None:
    status, values, errors = mariadb(case.text, tmp_path)
    assert (status, errors) == (0, "")
    assert values["bind-address"] == DATABASE["address"]
    # 10 engines and the datasource node, each with up to 15 connections (SQLAlchemy's 5 and 10 more).
    assert int(values["max-connections"]) >= 11 * 15
    assert values["skip-name-resolve"] == "TRUE"
    # The locks of an engine whose host lost power are released within 15 s.
    idle, pause, probes = (int(values[f"tcp-keepalive-{name}"]) for name in ("time", "interval", "probes"))
    assert 0 < idle + pause * probes <= 15
    assert values["require-secure-transport"] == "TRUE"
    assert values["tls-version"] == "TLSv1.3"
    assert values["ssl-cert"] == values["ssl-key"] == "/etc/mysql/congress.pem"


def test_mariadb_refuses_what_is_wrong(tmp_path: Path) -> None:
    text = case("database/congress.cnf.j2").text
    status, _, errors = mariadb(text.replace("max_connections", "max_connection_count"), tmp_path)
    assert status != 0
    assert "max_connection_count" in errors


@pytest.fixture
def accounts(tmp_path: Path) -> Callable[[str], tuple[str, list[list[str]]]]:
    """Run SQL on a fresh installation; return errors, and the accounts' rights: user, host, login, privilege.

    A server with --bootstrap does not listen, and ends after its input, which has one statement per line. It has no
    accounts before FLUSH PRIVILEGES.
    """
    options = ["--no-defaults", f"--datadir={tmp_path}/data", "--user=root"]
    made = run(program("mariadb-install-db"), *options, "--skip-test-db", deadline=100)
    assert made.returncode == 0, made.stderr
    file = tmp_path / "accounts"
    ask = (
        "SELECT p.User, p.Host, "
        "IF(JSON_VALUE(p.Priv, '$.authentication_string') = PASSWORD('{0}'), 'logs in', 'is refused'), "
        "s.PRIVILEGE_TYPE, s.IS_GRANTABLE "
        "FROM mysql.global_priv p JOIN information_schema.SCHEMA_PRIVILEGES s "
        "ON s.GRANTEE = CONCAT(QUOTE(p.User), '@', QUOTE(p.Host)) AND s.TABLE_SCHEMA = 'congress' "
        "INTO OUTFILE '{1}' FIELDS TERMINATED BY '|';"
    )

    def execute(sql: str) -> tuple[str, list[list[str]]]:
        script = f"FLUSH PRIVILEGES;\n{sql}\nFLUSH PRIVILEGES;\n{ask.format(PASSWORD, file)}\n"
        checked = run(program("mariadbd"), *options, "--bootstrap", stdin=script)
        errors = "\n".join(line for line in checked.stderr.splitlines() if "ERROR" in line)
        return errors, [line.split("|") for line in file.read_text().splitlines()] if file.exists() else []

    return execute


def sql_of(text: str) -> str:
    match = re.search(r"<<'END_SQL'\n(.*)\nEND_SQL\n", text, re.DOTALL)
    assert match
    return match[1]


def test_account_has_the_privileges_that_congress_needs_and_no_other(
    accounts: Callable[[str], tuple[str, list[list[str]]]],
) -> None:
    """The step runs at every change, so its SQL is run twice; between the runs, somebody granted too much."""
    sql = sql_of(case("database/mariadb.sh.j2").text)
    too_much = "GRANT EVENT ON congress.* TO 'congress'@'10.20.0.0/255.255.255.0' WITH GRANT OPTION;"
    errors, rows = accounts(f"{sql}\n{too_much}\n{sql}")
    assert errors == ""
    assert {tuple(row[:3]) for row in rows} == {("congress", "10.20.0.0/255.255.255.0", "logs in")}
    assert {row[3] for row in rows} == set(PRIVILEGES.split(", "))
    assert {row[4] for row in rows} == {"NO"}


def test_mariadb_refuses_sql_that_is_wrong(accounts: Callable[[str], tuple[str, list[list[str]]]]) -> None:
    sql = sql_of(case("database/mariadb.sh.j2").text)
    assert "ERROR" in accounts(sql.replace("LOCK TABLES", "TABLE LOCKS"))[0]


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
