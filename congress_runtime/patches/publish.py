"""After a failover, let every engine have exactly the rows that the datasource node has.

A datasource publishes differences, numbered from 0. Upstream numbers from 0 again in a new process, and its first
publication is a difference to nothing. So the engines, which keep their rows over a failover:

- keep for ever what went away while no node ran (seen: a row of before the failover beside the one of after it),
- keep all of a table that is empty now, for an empty difference is not sent,
- ignore the new node for as many publications as the old one made, if an engine that subscribed in between used up
  the number 0 (seen: a table that stayed empty for minutes).

Here the first publication of a table in the life of a process is the whole table under number 0, which a subscriber
takes for a new beginning, and asking for a table uses up no number. So is the one after a publication that the bus
refused: upstream counts that as made, and what it said is never said again.

A table's publications leave in the order of their numbers. While a large one is encoded (large_json has pauses)
a small one would overtake it, and a subscriber that gets number 1 before number 0 of a new beginning takes 1 for old.
"""

from collections import defaultdict
from typing import Any

from congress.dse2.data_service import DataService
from congress_runtime.patches.pauses import with_pauses
from eventlet.semaphore import Semaphore

# Before number 0: what a subscriber got then is replaced by the first publication.
UNPUBLISHED = -1


def apply() -> None:
    publish, last_published = DataService.publish, DataService.get_last_published_data_with_seqnum

    def publish_or_begin_anew(self: Any, table: str, data: Any, use_snapshot: bool = False) -> None:  # noqa: FBT001, FBT002
        with vars(self).setdefault("publishing", defaultdict(Semaphore))[table]:
            try:
                publish_from_the_beginning(self, table, data, use_snapshot)
            except BaseException:  # a poll's time limit, too
                self.sender_seqnums.pop(table, None)
                raise

    def publish_from_the_beginning(self: Any, table: str, data: Any, use_snapshot: bool) -> None:  # noqa: FBT001
        if use_snapshot and table in self.sender_seqnums:
            publish(self, table, data, use_snapshot)
            return
        rows = set(data)
        if table in self.sender_seqnums:
            publish_difference(self, table, rows)
            return
        self._last_published_data[table] = rows
        self.sender_seqnums[table] = 0
        self.node.publish_table_sequenced(self.service_id, table, list(rows), is_snapshot=True, seqnum=0)

    def publish_difference(self: Any, table: str, rows: set[Any]) -> None:
        """As upstream, with pauses."""
        before = self._last_published_data[table]
        added = [row for row in with_pauses(rows) if row not in before]
        removed = [row for row in with_pauses(before) if row not in rows]
        self._last_published_data[table] = rows
        if added or removed:
            self.sender_seqnums[table] += 1
            number = self.sender_seqnums[table]
            self.node.publish_table_sequenced(self.service_id, table, [added, removed], False, number)  # noqa: FBT003

    def last_published_or_what_is_there(self: Any, table: str) -> tuple[int, list[Any]]:
        if table in self.sender_seqnums:
            known: tuple[int, list[Any]] = last_published(self, table)
            return known
        return UNPUBLISHED, list(self.get_snapshot(table))

    DataService.publish = publish_or_begin_anew
    DataService.get_last_published_data_with_seqnum = last_published_or_what_is_there
