"""The health of the messaging host: RabbitMQ's alarms and connections, and the datasource nodes on the bus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from ops.health.facts import Facts, Unseen
from ops.health.finding import Finding, unanswered, wrong
from ops.health.parsing import parsed
from ops.health.role_health import Health, Probe
from ops.ssh.survey import Report
from ops.stack.outputs import Stack
from roles import MESSAGING

# RabbitMQ's own command line starts an Erlang virtual machine for each call, which takes 1.5 s. Erlang's erl_call asks
# the running one in 30 ms; it reads the cookie from the home folder, not from an argument.
ERL_CALL = (
    "runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq "
    "erl_call -r -timeout 3 -sname rabbit -fetch_stdout -no_result_term -e"
)
QUERY = """
Q = rabbit_misc:r(<<"/">>, queue, <<"congress-service-_ds_manager-bus">>),
Consumers = case rabbit_amqqueue:lookup(Q) of
  {ok, Found} -> proplists:get_value(consumers, rabbit_amqqueue:info(Found, [consumers]));
  _ -> 0
end,
io:format("alarms=~0p~nconnections=~b~nconsumers=~b~n",
          [rabbit_alarm:get_alarms(), length(rabbit_networking:connections_local()), Consumers]).
"""


@dataclass(frozen=True)
class Bus:
    """`alarms`: RabbitMQ's alarms as an Erlang term, "" if there are none. `consumers`: datasource nodes on the bus."""

    alarms: str
    connections: int
    consumers: int


def read(lines: str) -> Bus:
    values = dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)
    alarms = values["alarms"]
    return Bus("" if alarms == "[]" else alarms, int(values["connections"]), int(values["consumers"]))


@dataclass(frozen=True)
class MessagingHealth(Health):
    bus: Bus | Unseen

    probes = (Probe("bus", ERL_CALL, QUERY),)

    @classmethod
    def parse(cls, _stack: Stack, reports: Mapping[str, Report]) -> Self:
        (report,) = reports.values()
        return cls(parsed(report, "bus", read))

    def findings(self, _facts: Facts) -> Iterator[Finding]:
        if isinstance(self.bus, Unseen):
            way_out = "on messaging: sudo journalctl -u rabbitmq-server -n 50; sudo systemctl restart rabbitmq-server"
            yield from unanswered(MESSAGING.row, self.bus, "RabbitMQ does not answer", way_out)
        elif self.bus.alarms:
            way_out = (
                "on messaging: free -m; df -h /var/lib/rabbitmq; free memory or disk, it continues by itself"
            )
            yield wrong(MESSAGING.row, f"RabbitMQ takes no messages, alarms: {self.bus.alarms}", way_out)

    def rows(self, _facts: Facts) -> dict[str, str]:
        return {MESSAGING.row: "" if isinstance(self.bus, Unseen) else f"{self.bus.connections} connections"}
