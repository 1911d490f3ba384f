"""Let a policy engine request a table again when it may have missed a publication.

A datasource publishes numbered differences, which reach each engine through the engine's own queue. RabbitMQ loses the
queue when it ends, so the engine misses everything that is published before it is connected again. In upstream,
such an engine keeps its old rows for good (observed on the lab after a restart of RabbitMQ):

- It sees the gap in the numbers and waits for the missing publication without a limit. Only the datasource manager
  starts the periodic task that would request the table after `time_to_resub`, so a node that is only a policy engine
  does not run it.
- In a table without further changes, it sees no gap. A lost change stays unknown until the next one.
- When a request fails, the other tables of the same rules are not requested, neither then nor later.
- A difference that arrives while the engine processes the whole table is lost, because the engine yields meanwhile
  (observed: the row from before the restart beside its successor). A difference that the engine fails to process is
  lost, too.
- If later publications overtake an answer with number 0, the engine takes the answer for a new start. It goes back to
  the answer's rows, and the changes in between are lost until the next change.

Here, an engine requests a table again in three cases: the connection that receives publications was replaced, a
publication has waited for its predecessor, or the last request was not answered. It processes one publication
after another. An unnecessary request does no harm: the answer is the whole table with its number, and publications
that arrive meanwhile wait for it.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import eventlet
from congress.datalog.compile import Tablename
from congress.policy_engines.agnostic import DseRuntime
from eventlet.semaphore import Semaphore
from oslo_log import log
from oslo_messaging._drivers.impl_rabbit import Connection as RabbitConnection

LOG = log.getLogger(__name__)

Table = tuple[str, str]  # a datasource, its table

# All times are in seconds.
PAUSE = 1.0  # between two checks; publications that overtook each other are in order long before
# Limit of a request for a new table: a datasource that has never polled the table polls it before it answers.
REQUEST_LIMIT = 20.0
# Limit of a repeated request, and then the pause until the next one. Both double each time, because a request is often
# lost just after a restart of RabbitMQ.
FIRST_PAUSE, MAX_REPEATED_REQUEST_LIMIT, MAX_PAUSE = 2.0, 60.0, 300.0
CHECK = 0.05  # between two checks whether a table is answered
MAX_REQUESTS = 4  # to one datasource at the same time


class Subscriptions:
    """The tables that one engine subscribes to, and whether it has all of their publications.

    `connections` counts how often the connection that receives publications was replaced.
    """

    connections = 0

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.process_data, self.processing = engine.receive_data, Semaphore()
        self.requested_on: dict[Table, int] = {}  # `connections` at the last request
        # After a repeated request: the pause until the next one, and the time at which the pause ends.
        self.retries: dict[Table, tuple[float, float]] = {}
        self.requested: set[Table] = set()  # requests without an answer yet
        self.pools: dict[str, eventlet.GreenPool] = defaultdict(lambda: eventlet.GreenPool(MAX_REQUESTS))
        self.waiting: set[Table] = (
            set()
        )  # with a publication that waited for its predecessor at the last check

    def subscribe(self, datasource: str, table: str, timeout: float = REQUEST_LIMIT) -> None:
        """DataService.subscribe, but it raises nothing without an answer, because `watch` repeats the request."""
        self.add((datasource, table))
        self.request((datasource, table), timeout)

    def concerned(self, before: set[str], after: set[str]) -> bool:
        """Whether a change of rules may change the subscriptions: `before` and `after` it, they name these tables."""
        return bool(tables_in(before - after)) or not tables_in(after - before) <= self.subscribed()

    def follow_rules(self, *, wait: bool) -> None:
        """Subscribe to exactly the tables that rules name. With `wait`, return when the new tables have arrived.

        No other green thread runs before the subscriptions are changed; rules may change while the engine waits.
        """
        in_rules, subscribed = self.in_rules(), self.subscribed()
        for table in subscribed - in_rules:
            self.engine.unsubscribe(*table)
        new = in_rules - subscribed
        for table in new:
            self.add(table)
        if wait:
            for _ in eventlet.GreenPool(MAX_REQUESTS).imap(self.request, new):
                pass
        else:
            for table in new:
                self.spawn(table[0], self.request, table)

    def wait_for(self, names: set[str]) -> None:
        """Until none of these tables is being requested, for as long as a request for a new table may take."""
        tables = {Tablename.parse_service_table(name) for name in names}
        end = time.monotonic() + REQUEST_LIMIT
        while tables & self.requested and time.monotonic() < end:
            eventlet.sleep(CHECK)

    def add(self, table: Table) -> None:
        datasource, name = table
        subscribers = self.engine.node.subscriptions.setdefault(datasource, {}).setdefault(name, set())
        subscribers.add(self.engine.service_id)
        self.requested_on[table] = Subscriptions.connections
        self.requested.add(table)

    def spawn(self, datasource: str, *call: Any) -> None:
        eventlet.spawn_n(self.pools[datasource].spawn_n, *call)

    def request(self, table: Table, timeout: float = REQUEST_LIMIT) -> None:
        datasource, name = table
        action = "get_last_published_data_with_seqnum"
        try:
            if table not in self.subscribed():
                return  # a rule that needed it was deleted meanwhile
            number, rows = self.engine.node.invoke_service_rpc(
                datasource, action, {"table": name}, timeout=timeout
            )
            # Publications that overtook the answer began with the whole table.
            overtaken = number == 0 and self.received(table)
            if table in self.subscribed() and not overtaken:
                self.engine.receive_data_sequenced(datasource, name, rows, number, is_snapshot=True)
        except Exception as error:  # noqa: BLE001  an error must not affect other tables
            LOG.info("table %s of %s did not arrive or cannot be processed: %s", name, datasource, error)
        finally:
            self.requested.discard(table)

    def receive_data(self, datasource: str, table: str, data: Any, is_snapshot: bool = False) -> None:  # noqa: FBT001, FBT002
        """DataService.receive_data, in the order of the calls. After an error, `watch` requests the table again."""
        with self.processing:
            try:
                self.process_data(datasource, table, data, is_snapshot)
            except Exception:
                self.engine._clear_receiver_seqnum(datasource, table)  # noqa: SLF001
                raise

    def watch(self) -> None:
        while True:
            eventlet.sleep(PAUSE)
            for table, reason in self.outdated().items():
                LOG.info("requesting from %s its table %s: %s", *table, reason)
                self.requested.add(table)
                self.spawn(table[0], self.repeat_request, table)

    def repeat_request(self, table: Table) -> None:
        if table not in self.subscribed():
            self.requested.discard(table)
            return
        last, _ = self.retries.get(table, (FIRST_PAUSE / 2, 0.0))
        pause = min(2 * last, MAX_PAUSE)
        self.retries[table] = pause, time.monotonic() + pause
        self.engine.unsubscribe(*table)
        self.subscribe(*table, timeout=min(pause, MAX_REPEATED_REQUEST_LIMIT))

    def outdated(self) -> dict[Table, str]:
        """Tables to request again now, each with the reason."""
        subscribed, now = self.subscribed(), time.monotonic()
        before, self.waiting = self.waiting, {table for table in subscribed if self.has_waiting(table)}
        reasons = {}
        for table in subscribed - self.requested:
            if self.requested_on.get(table, 0) != Subscriptions.connections:
                self.retries.pop(table, None)
                reasons[table] = "publications may be lost, because this node was not connected to the bus"
            elif self.received(table) and table not in before & self.waiting:
                self.retries.pop(table, None)
            elif table not in self.retries or now >= self.retries[table][1]:
                reasons[table] = "a publication of it is missing"
        return reasons

    def subscribed(self) -> set[Table]:
        subscriptions = self.engine.node.get_subscription(self.engine.service_id)
        return {(datasource, table) for datasource, tables in subscriptions.items() for table in tables}

    def in_rules(self) -> set[Table]:
        """Tables of datasources, and of other policies, that rules name."""
        names = self.engine.tablenames(body_only=True)
        return tables_in(name for name in names if not self.engine.reserved_tablename(name))

    def received(self, table: Table) -> bool:
        """Whether the engine has received the table at least once."""
        return table[1] in self.engine.receiver_seqnums.get(table[0], {})

    def missing_tables(self) -> set[Table]:
        """Tables that have not arrived, or are requested again, or that rules name without a subscription."""
        subscribed = self.subscribed()
        complete = {table for table in subscribed - self.requested if self.received(table)}
        return (subscribed | self.in_rules()) - complete

    def has_waiting(self, table: Table) -> bool:
        """Whether a publication waits for its predecessor."""
        queue = self.engine.msg_queues.get(table[0], {}).get(table[1])
        return queue is not None and not queue.empty()


def tables_in(names: Iterable[str]) -> set[Table]:
    """Without those of a policy's own, which have no service."""
    pairs = (Tablename.parse_service_table(name) for name in names)
    return {(service, table) for service, table in pairs if service is not None}


def apply() -> None:
    start = DseRuntime.start

    def start_and_watch(self: Any) -> None:
        self.subscriptions = subscriptions = Subscriptions(self)
        self.subscribe, self.receive_data = subscriptions.subscribe, subscriptions.receive_data
        start(self)
        eventlet.spawn_n(subscriptions.watch)
        count_connections(self.node.node_rpc_target().topic)

    DseRuntime.start = start_and_watch


def count_connections(topic: str) -> None:
    """From now on, count how often the queue for publications to `topic` gets a new channel."""
    set_channel = RabbitConnection._set_current_channel  # noqa: SLF001  there is no callback

    def set_and_count(self: Any, channel: Any) -> None:
        is_new = channel is not None and channel != self.channel
        set_channel(self, channel)
        if is_new and any(consumer.queue_name.startswith(f"{topic}_fanout_") for consumer in self._consumers):
            Subscriptions.connections += 1

    RabbitConnection._set_current_channel = set_and_count  # noqa: SLF001
