"""The health of the messaging hosts: RabbitMQ's alarms and connections, and the datasource nodes on the bus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from ops.health.facts import EXTERNAL, Facts, Unseen
from ops.health.finding import Finding, unanswered, wrong
from ops.health.parsing import parsed
from ops.health.role_health import Candidate, Health, Probe
from ops.ssh.survey import Report
from ops.stack.outputs import Stack
from roles import MESSAGING

# RabbitMQ's own command line takes 1.4 s of processor time for each call. Erlang's erl_call asks the running node in
# 30 ms, but does not support TLS, which the members of a cluster use with each other. In a cluster, a separate Erlang
# virtual machine asks, in 0.4 s. Both read the cookie from the home folder, not from an argument. On a busy host, the
# first connection may take longer than a member waits for it (net_setuptime).
QUERY = r"""\
query='
Consumers = lists:sum([case rabbit_amqqueue:lookup(rabbit_misc:r(V, queue, <<"congress-service-_ds_manager-bus">>)) of
  {ok, Found} -> proplists:get_value(consumers, rabbit_amqqueue:info(Found, [consumers]));
  _ -> 0
end || V <- rabbit_vhost:list_names()]),
io:format("alarms=~0p~nconnections=~b~nconsumers=~b~nrunning=~b~n",
          [rabbit_alarm:get_alarms(), length(rabbit_networking:connections_local()), Consumers,
           length(rabbit_mnesia:cluster_nodes(running))]).
'
tls=/etc/rabbitmq/inter_node_tls.config
cd /
if [ ! -e "$tls" ]; then
  exec runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq \
    erl_call -r -timeout 3 -sname rabbit -fetch_stdout -no_result_term -e <<< "$query"
fi
node=$(sed -n 's/^NODENAME=//p' /etc/rabbitmq/rabbitmq-env.conf)
exec runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq ERL_CRASH_DUMP=/dev/null \
  erl -noinput -kernel logger_level none -dist_listen false -name "status-$$@${node#*@}" \
  -proto_dist inet_tls -ssl_dist_optfile "$tls" -eval '
[Node, Query] = init:get_plain_arguments(),
{ok, Tokens, _} = erl_scan:string(Query),
{ok, Expressions} = erl_parse:parse_exprs(Tokens),
Ask = fun() -> rpc:call(list_to_atom(Node), erl_eval, exprs, [Expressions, []], 3000) end,
Answer = case Ask() of {badrpc, nodedown} -> Ask(); First -> First end,
case Answer of
  {value, _, _} -> halt(0);
  Problem -> io:format(standard_error, "~0p~n", [Problem]), halt(1)
end.' -extra "$node" "$query"
"""


@dataclass(frozen=True)
class Bus:
    """`alarms`: RabbitMQ's alarms as an Erlang term, "" if there are none. `consumers`: datasource nodes on the bus.

    `running`: members of its cluster that it reaches, itself included.
    """

    alarms: str
    connections: int
    consumers: int
    running: int


def read(lines: str) -> Bus:
    values = dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)
    alarms = values.pop("alarms")
    numbers = {name: int(value) for name, value in values.items()}
    return Bus(alarms="" if alarms == "[]" else alarms, **numbers)


@dataclass(frozen=True)
class MessagingHealth(Health):
    """`bus`: as the first host that answers sees it, with the consumers of all.

    `members`: each host, empty if there is only one.
    """

    bus: Bus | Unseen
    members: Mapping[str, Bus | Unseen] = field(default_factory=dict)

    probes = (Probe("bus", "bash -s", QUERY),)

    @classmethod
    def parse(cls, _stack: Stack, reports: Mapping[str, Report]) -> Self:
        seen = {name: parsed(report, "bus", read) for name, report in reports.items()}
        answers = [one for one in seen.values() if isinstance(one, Bus)]
        if not answers:
            return cls(next(iter(seen.values()), EXTERNAL), seen if len(seen) > 1 else {})
        # Only the host with the queue's leader counts its consumers.
        whole = replace(answers[0], consumers=max(one.consumers for one in answers))
        return cls(whole, seen if len(seen) > 1 else {})

    def findings(self, _facts: Facts) -> Iterator[Finding]:
        silent = [seen for seen in self.members.values() if isinstance(seen, Unseen)]
        if silent and len(silent) == len(self.members) and not all(seen.explained for seen in silent):
            way_out = "docs/recover.md, A member of the bus that does not join; each waits for the last one"
            yield wrong(MESSAGING.row, "no host of the message bus serves", way_out)
        for host, seen in (self.members or {MESSAGING.host: self.bus}).items():
            yield from self._of_host(host, f" at {host}" if self.members else "", seen)

    def _of_host(self, host: str, at: str, seen: Bus | Unseen) -> Iterator[Finding]:
        restart = (
            f"on {host}: sudo journalctl -u rabbitmq-server -n 50; sudo systemctl restart rabbitmq-server"
        )
        if isinstance(seen, Unseen):
            yield from unanswered(MESSAGING.row, seen, f"RabbitMQ does not answer{at}", restart)
            return
        if seen.alarms:
            way_out = (
                f"on {host}: free -m; df -h /var/lib/rabbitmq; free memory or disk, it continues by itself"
            )
            yield wrong(MESSAGING.row, f"RabbitMQ takes no messages{at}, alarms: {seen.alarms}", way_out)
        if seen.running < len(self.members):
            what = f"RabbitMQ{at} reaches {seen.running} of {len(self.members)} members of its cluster"
            yield wrong(MESSAGING.row, what, f"see the other hosts; if RabbitMQ runs on all, {restart}")

    def refusal(self, candidate: Candidate) -> str | None:
        """Refuses only with several hosts, of which a majority must serve."""
        lost = [name for name, seen in self.members.items() if isinstance(seen, Unseen)]
        if not lost or candidate.host in lost:
            return None
        return (
            f"without {candidate.host}, no majority of the message bus would be left: "
            f"repair {', '.join(lost)} first (make status)"
        )

    def rows(self, _facts: Facts) -> dict[str, str]:
        seen = [one for one in (self.members or {"": self.bus}).values() if isinstance(one, Bus)]
        connections = f"{sum(one.connections for one in seen)} connections"
        hosts = f", {len(seen)} of {len(self.members)} hosts" if self.members else ""
        return {MESSAGING.row: f"{connections}{hosts}" if seen else ""}
