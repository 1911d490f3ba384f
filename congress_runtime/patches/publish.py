"""After a failover, give every engine exactly the rows of the datasource node.

A datasource publishes differences, which are numbered from 0. In a new process, upstream starts at 0 again, and its
first publication is a difference to an empty table. The engines keep their rows over a failover, so:

- They keep rows that disappeared while no node ran (observed: a row from before the failover beside its successor).
- They keep all rows of a table that is now empty, because an empty difference is not sent.
- If an engine subscribed in between and thus used up the number 0, the engines ignore as many publications of the
  new node as the old node had made (observed: a table that stayed empty for minutes).

Here, the first publication of a table by each process is the whole table with number 0, at which a subscriber starts
again. A request for a table uses up no number. The publication after one that the bus refused is a whole table as well:
upstream counts the refused publication as made, and never sends its changes again.

The publications of a table are sent in the order of their numbers. Otherwise a small one could overtake a large one
while that is encoded with pauses (large_json), and a subscriber that gets number 1 before a new number 0 ignores
number 1 as old.
"""

from collections import defaultdict
from typing import Any

from congress.dse2.data_service import DataService
from congress_runtime.patches.tracked_rows import copied, difference
from eventlet.semaphore import Semaphore

# Less than 0, so the first publication replaces these rows at the subscriber.
UNPUBLISHED = -1


def apply() -> None:
    publish, last_published = DataService.publish, DataService.get_last_published_data_with_seqnum

    def publish_in_order(self: Any, table: str, data: Any, use_snapshot: bool = False) -> None:  # noqa: FBT001, FBT002
        with turn(self, table):
            try:
                publish_whole_table_first(self, table, data, use_snapshot)
            except BaseException:  # also the time limit of a poll
                self.sender_seqnums.pop(table, None)
                raise

    def publish_whole_table_first(self: Any, table: str, data: Any, use_snapshot: bool) -> None:  # noqa: FBT001
        if use_snapshot and table in self.sender_seqnums:
            publish(self, table, data, use_snapshot)
            return
        if table in self.sender_seqnums:
            publish_difference(self, table, data)
            return
        self._last_published_data[table] = rows = copied(data)
        self.sender_seqnums[table] = 0
        self.node.publish_table_sequenced(self.service_id, table, list(rows), is_snapshot=True, seqnum=0)

    def publish_difference(self: Any, table: str, data: Any) -> None:
        """As in upstream, with pauses; without comparing the tables if a webhook's changes are known.

        The whole table is sent if that is less. Often all rows of a table that is pushed again differ from before.
        """
        before = self._last_published_data[table]
        rows, added, removed = difference(before, data)
        self._last_published_data[table] = rows
        if added or removed:
            self.sender_seqnums[table] += 1
            number, whole = self.sender_seqnums[table], len(rows) < len(added) + len(removed)
            sent = list(rows) if whole else [added, removed]
            self.node.publish_table_sequenced(self.service_id, table, sent, whole, number)

    def last_published_or_current(self: Any, table: str) -> tuple[int, list[Any]]:
        if table in self.sender_seqnums:
            publication: tuple[int, list[Any]] = last_published(self, table)
            return publication
        return UNPUBLISHED, list(self.get_snapshot(table))

    DataService.publish = publish_in_order
    DataService.get_last_published_data_with_seqnum = last_published_or_current


def turn(datasource: Any, table: str) -> Any:
    """A semaphore: who has it publishes the table."""
    return vars(datasource).setdefault("publishing", defaultdict(Semaphore))[table]
