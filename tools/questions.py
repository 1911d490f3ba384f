"""Which commands tell a host's health, by its role. All of them only look; all run as root, at once."""

from __future__ import annotations

from pathlib import Path

from tools import disks
from tools.limits import Limits
from tools.remote.runner import Question
from tools.stack import Engine, Stack

CONFIGURATION = "/etc/congress/congress.conf"
REMOTE = Path(__file__).parent / "remote"

# Pacemaker's own commands wait for it where it does not run.
UNITS = """\
for unit in corosync pacemaker; do
  state=$(systemctl is-active $unit) || { echo "$unit.service is $state" >&2; exit 1; }
done
"""

# RabbitMQ's own command line starts an Erlang machine for each call: 1.5 s. Erlang's erl_call asks the one
# that runs, in 30 ms; it takes the cookie from the home folder, not from an argument.
ERL_CALL = (
    "runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq "
    "erl_call -r -timeout 3 -sname rabbit -fetch_stdout -no_result_term -e"
)
BUS = """
Q = rabbit_misc:r(<<"/">>, queue, <<"congress-service-_ds_manager-bus">>),
Consumers = case rabbit_amqqueue:lookup(Q) of
  {ok, Found} -> proplists:get_value(consumers, rabbit_amqqueue:info(Found, [consumers]));
  _ -> 0
end,
io:format("alarms=~0p~nconnections=~b~nconsumers=~b~n",
          [rabbit_alarm:get_alarms(), length(rabbit_networking:connections_local()), Consumers]).
"""

# One `name value` a line. `changed`: seconds since the last change of policies and rules, dated by Congress
# with its hosts' local time; NULL on a stack that never had any.
DATABASE = """
SELECT 'connections', VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
  WHERE VARIABLE_NAME = 'THREADS_CONNECTED';
SELECT 'max_connections', @@max_connections;
SELECT 'waiting', COUNT(*) FROM information_schema.PROCESSLIST
  WHERE STATE LIKE 'Waiting for %lock%' AND TIME >= 5;
SELECT 'waiting_seconds', COALESCE(MAX(TIME), 0) FROM information_schema.PROCESSLIST
  WHERE STATE LIKE 'Waiting for %lock%';
SELECT 'changed', TIMESTAMPDIFF(SECOND, MAX(moment), NOW()) FROM (
  SELECT MAX(created_at) AS moment FROM congress.policies UNION
  SELECT MAX(deleted_at) FROM congress.policiesdeleted UNION
  SELECT MAX(GREATEST(created_at, COALESCE(deleted_at, created_at))) FROM congress.policy_rules) AS moments;
"""


def command(words: str, stdin: str = "") -> Question:
    return {"argv": words.split(), "stdin": stdin}


def python(interpreter: str, file: str, *arguments: object) -> Question:
    """Run a file of tools/remote on the host, sent as its standard input."""
    return {"argv": [interpreter, "-", *map(str, arguments)], "stdin": (REMOTE / file).read_text()}


def questions(host: str, stack: Stack, limits: Limits) -> dict[str, Question]:
    """Name -> command, for one host of the stack."""
    return {"disks": disks.question(stack.hosts[host].role), **_of_role(host, stack, limits)}


def _of_role(host: str, stack: Stack, limits: Limits) -> dict[str, Question]:
    match stack.hosts[host].role:
        case "datasource-node":
            return {
                "cluster": command("bash -s", f"{UNITS}exec crm_mon -1 --include=all --output-as=xml"),
                "constraints": command("bash -s", f"{UNITS}exec cibadmin -Q -o constraints"),
                "processes": command("ps -u congress -o pid=,stat=,args="),
                "ping": command(f"/opt/congress/bin/python -m congress_ping {CONFIGURATION} {limits.inside}"),
            }
        case "policy-engine":
            asked: dict[str, Question] = {}
            for engine in stack.engines:
                if engine.host == host:
                    asked |= _engine(engine, limits)
            return asked
        case "load-balancer":
            return {
                "haproxy": command("curl -sS http://127.0.0.1:8404/;csv"),
                "certificate": _certificate("/etc/haproxy/endpoint.pem"),
            }
        case "database":
            return {
                "database": command("mariadb -N -B", DATABASE),
                "certificate": _certificate("/etc/mysql/congress.pem"),
            }
        case "messaging":
            return {
                "bus": command(ERL_CALL, BUS),
                "certificate": _certificate("/etc/rabbitmq/congress.pem"),
            }
    return {}


def _certificate(file: str) -> Question:
    return command(f"openssl x509 -noout -enddate -dateopt iso_8601 -in {file}")


def _engine(engine: Engine, limits: Limits) -> dict[str, Question]:
    unit = f"congress-policy-engine@{engine.node_id}.service"
    return {
        f"unit {engine.node_id}": python("python3", "unit.py", unit, limits.sample),
        f"view {engine.node_id}": python("python3", "engine.py", engine.url, limits.inside, CONFIGURATION),
    }
