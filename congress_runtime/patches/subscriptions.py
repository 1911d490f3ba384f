"""Let a policy engine ask for a table again when it may have missed a publication.

A datasource publishes numbered differences, which reach each engine through a queue of its own. That ends with the
message bus, and what is published before its engine is connected again reaches that engine never. Upstream such an
engine keeps for ever the rows that it had (seen on the lab after a restart of RabbitMQ):

- It sees the gap in the numbers and waits for what is missing, without end. The periodic task that would ask again
  after `time_to_resub` is started by the datasource manager alone, so by no node that is a policy engine and nothing
  else.
- Where nothing comes after it sees no gap: in a quiet table, a lost change stays unknown until the next one.
- When a question fails, the other tables of the same rules are not asked for, then or later.
- A difference that comes while the engine takes in the whole table is lost, for the engine yields while it does (seen:
  the row of before the restart beside the one of after it). So is one that the engine fails to take in.
- An answer of number 0 that later publications overtook is taken for a new beginning: the engine goes back to it, and
  what came in between is lost until the next change.

Here an engine asks for a table again when the connection that hears publications was made anew, when something has
waited for what should come before it, and until it has been answered; and it takes in one thing after another. To ask
once too often does no harm: the answer is the whole table with its number, and what comes meanwhile waits for it.
"""

import time
from collections import defaultdict
from typing import Any

import eventlet
from congress.datalog.compile import Tablename
from congress.policy_engines.agnostic import DseRuntime
from eventlet.semaphore import Semaphore
from oslo_log import log
from oslo_messaging._drivers.impl_rabbit import Connection as RabbitConnection

LOG = log.getLogger(__name__)

Table = tuple[str, str]  # a datasource, its table

PAUSE = 1.0  # seconds; publications that overtook each other are in order long before
# Seconds for an answer to the rules' own question: a datasource that never polled a table does so before it answers.
ANSWER = 20.0
# Seconds for an answer to the watch's, and then until it asks again, doubled each time: just after a restart of the bus
# a question is often lost.
FIRST, LONGEST_ANSWER, LONGEST = 2.0, 60.0, 300.0
AT_ONCE = 4  # questions to one datasource; one that hangs keeps no other one waiting


class Subscriptions:
    """What one engine subscribes to, and whether it has been told everything.

    `connections` counts how often the connection that hears publications was made anew.
    """

    connections = 0

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.take_in, self.one_by_one = engine.receive_data, Semaphore()
        self.heard: dict[Table, int] = {}  # `connections` at the last question
        # After a question of the watch: the pause until the next one in seconds, and its end.
        self.again: dict[Table, tuple[float, float]] = {}
        self.open: set[Table] = set()
        self.pools: dict[str, eventlet.GreenPool] = defaultdict(lambda: eventlet.GreenPool(AT_ONCE))
        self.waited: set[Table] = set()

    def subscribe(self, datasource: str, table: str, timeout: float = ANSWER) -> None:
        """DataService.subscribe, which raises nothing when it is not answered: `watch` asks again."""
        self.begin((datasource, table))
        self.question((datasource, table), timeout)

    def follow_rules(self, *, wait: bool) -> None:
        """Subscribe to what rules name, and to nothing else. With `wait` until the new tables are answered.

        Nobody else runs until that is decided: rules may change while an answer is waited for.
        """
        named, subscribed = self.named(), self.subscribed()
        for table in subscribed - named:
            self.engine.unsubscribe(*table)
        new = named - subscribed
        for table in new:
            self.begin(table)
        if wait:
            for _ in eventlet.GreenPool(AT_ONCE).imap(self.question, new):
                pass
        else:
            for table in new:
                self.spawn(table[0], self.question, table)

    def begin(self, table: Table) -> None:
        datasource, name = table
        subscribers = self.engine.node.subscriptions.setdefault(datasource, {}).setdefault(name, set())
        subscribers.add(self.engine.service_id)
        self.heard[table] = Subscriptions.connections
        self.open.add(table)

    def spawn(self, datasource: str, *question: Any) -> None:
        eventlet.spawn_n(self.pools[datasource].spawn_n, *question)

    def question(self, table: Table, timeout: float = ANSWER) -> None:
        datasource, name = table
        action = "get_last_published_data_with_seqnum"
        try:
            if table not in self.subscribed():
                return  # nobody needs it any more
            number, rows = self.engine.node.invoke_service_rpc(
                datasource, action, {"table": name}, timeout=timeout
            )
            overtaken = number == 0 and self.known(table)  # by publications, which began with the whole table
            if table in self.subscribed() and not overtaken:
                self.engine.receive_data_sequenced(datasource, name, rows, number, is_snapshot=True)
        except Exception as error:  # noqa: BLE001  whatever it is, the next table has nothing to do with it
            LOG.info("table %s of %s is not told, or not taken in: %s", name, datasource, error)
        finally:
            self.open.discard(table)

    def receive_data(self, datasource: str, table: str, data: Any, is_snapshot: bool = False) -> None:  # noqa: FBT001, FBT002
        """DataService.receive_data, in the order of the calls; what fails is asked for again."""
        with self.one_by_one:
            try:
                self.take_in(datasource, table, data, is_snapshot)
            except Exception:
                self.engine._clear_receiver_seqnum(datasource, table)  # noqa: SLF001
                raise

    def watch(self) -> None:
        while True:
            eventlet.sleep(PAUSE)
            for table, reason in self.doubtful().items():
                LOG.info("asking %s for its table %s: %s", *table, reason)
                self.open.add(table)
                self.spawn(table[0], self.ask, table)

    def ask(self, table: Table) -> None:
        if table not in self.subscribed():
            self.open.discard(table)
            return
        last, _ = self.again.get(table, (FIRST / 2, 0.0))
        pause = min(2 * last, LONGEST)
        self.again[table] = pause, time.monotonic() + pause
        self.engine.unsubscribe(*table)
        self.subscribe(*table, timeout=min(pause, LONGEST_ANSWER))

    def doubtful(self) -> dict[Table, str]:
        """Tables to ask for now, each with the reason."""
        subscribed, now = self.subscribed(), time.monotonic()
        waited, self.waited = self.waited, {table for table in subscribed if self.waits(table)}
        found = {}
        for table in subscribed - self.open:
            if self.heard.get(table, 0) != Subscriptions.connections:
                self.again.pop(table, None)
                found[table] = "publications may be lost, this node was not connected to the bus"
            elif self.known(table) and table not in waited & self.waited:
                self.again.pop(table, None)
            elif table not in self.again or now >= self.again[table][1]:
                found[table] = "something is missing of it"
        return found

    def subscribed(self) -> set[Table]:
        found = self.engine.node.get_subscription(self.engine.service_id)
        return {(datasource, table) for datasource, tables in found.items() for table in tables}

    def named(self) -> set[Table]:
        """Tables of datasources, and of other policies, that rules name."""
        names = self.engine.tablenames(body_only=True)
        pairs = (
            Tablename.parse_service_table(name) for name in names if not self.engine.reserved_tablename(name)
        )
        return {(service, table) for service, table in pairs if service is not None}

    def known(self, table: Table) -> bool:
        """Whether it was told once."""
        return table[1] in self.engine.receiver_seqnums.get(table[0], {})

    def untold(self) -> set[Table]:
        """Tables that are not there yet, or are being asked for; one that is not subscribed to never comes."""
        subscribed = self.subscribed()
        told = {table for table in subscribed - self.open if self.known(table)}
        return (subscribed | self.named()) - told

    def waits(self, table: Table) -> bool:
        """Whether something waits for what should come before it."""
        queue = self.engine.msg_queues.get(table[0], {}).get(table[1])
        return queue is not None and not queue.empty()


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
    """Count each time from now on that the queue for what is published to `topic` is declared anew."""
    set_channel = RabbitConnection._set_current_channel  # noqa: SLF001  no callback tells it

    def set_and_count(self: Any, channel: Any) -> None:
        anew = channel is not None and channel != self.channel
        set_channel(self, channel)
        if anew and any(consumer.queue_name.startswith(f"{topic}_fanout_") for consumer in self._consumers):
            Subscriptions.connections += 1

    RabbitConnection._set_current_channel = set_and_count  # noqa: SLF001
