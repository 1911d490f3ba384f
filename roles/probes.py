"""Scripts and queries of the probes in the table of roles."""

from __future__ import annotations

CONFIGURATION = "/etc/congress/congress.conf"

# Pacemaker's own commands would wait for Pacemaker if it does not run.
UNITS = """\
for unit in corosync pacemaker; do
  state=$(systemctl is-active $unit) || { echo "$unit.service is $state" >&2; exit 1; }
done
"""

ADDRESS = """\
systemctl is-active keepalived || true
if congress-endpoint holds; then echo holds; fi
"""

# RabbitMQ's own command line starts an Erlang virtual machine for each call, which takes 1.5 s. Erlang's erl_call asks
# the running one in 30 ms; it reads the cookie from the home folder, not from an argument.
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

# Prints lines of `name value`. `changed`: seconds since the last change of policies and rules, whose dates Congress
# stores in its hosts' local time; NULL on a stack that never had any.
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
