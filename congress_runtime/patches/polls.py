"""End a poll that is not answered, and let others have the loop while a large one is taken in.

Each datasource polls in a green thread of its own. But upstream waits without a time limit, so that one whose cloud
accepted and never answered is not polled again when that cloud is well; its status says nothing of it. And it turns
all that a cloud answered into rows without a pause: nobody else is polled meanwhile, and after 30 s the guard
takes the node for dead.
"""

import functools
import time
from collections.abc import Iterable, Iterator
from typing import Any

import eventlet
from congress.datasources import datasource_utils
from congress.datasources.datasource_driver import DataSourceDriver, PollingDataSourceDriver
from oslo_log import log

LOG = log.getLogger(__name__)

SILENCE = 60.0  # seconds for which a cloud may say nothing in the middle of a request
LIMIT = 600.0  # seconds for a whole poll
LATE = 30.0, 3  # seconds, poll times; when a poll lasts longer than both, its status says so
AT_ONCE = 200  # objects made into rows before others have the loop


class Unanswered(Exception):  # noqa: N818  what is raised tells a user, not a programmer
    ...


def apply() -> None:
    datasource_utils.get_keystone_session = with_timeout(datasource_utils.get_keystone_session)
    PollingDataSourceDriver.poll = limited(PollingDataSourceDriver.poll)
    DataSourceDriver.get_status = with_what_is_under_way(DataSourceDriver.get_status)
    DataSourceDriver.convert_objs = yielding(DataSourceDriver.convert_objs.__func__)


def with_timeout(login: Any) -> Any:
    """datasource_utils.get_keystone_session, whose sessions wait for ever."""

    def get_keystone_session(*args: Any, **kwargs: Any) -> Any:
        session = login(*args, **kwargs)
        session.timeout = SILENCE
        return session

    return get_keystone_session


@functools.cache
def limit_vmware() -> None:
    """VMwareAPISession waits for ever, and keeps others of its kind from logging in meanwhile."""
    from oslo_vmware.api import VMwareAPISession  # noqa: PLC0415  to import it takes a part of a failover

    begin = VMwareAPISession.__init__

    def limited_init(self: Any, *args: Any, **kwargs: Any) -> None:
        begin(self, *args, **{"connection_timeout": SILENCE / 2, **kwargs})

    VMwareAPISession.__init__ = limited_init


def limited(poll: Any) -> Any:
    """PollingDataSourceDriver.poll."""

    def poll_and_end(self: Any) -> None:
        self.poll_began, self.error_before = time.monotonic(), self.last_error
        limit = eventlet.Timeout(LIMIT)
        try:
            poll(self)
        except eventlet.Timeout as over:
            if over is not limit:
                raise
            self.last_error = Unanswered(f"a poll was not over after {LIMIT:.0f} s, and was ended")
            LOG.warning("datasource %s: %s", self.name, self.last_error)
        finally:
            limit.cancel()
            self.poll_began = None

    return poll_and_end


def with_what_is_under_way(tell: Any) -> Any:
    """DataSourceDriver.get_status, with rows and numbers; upstream forgets the last error when the next poll begins."""

    def get_status(self: Any) -> dict[str, Any]:
        status: dict[str, Any] = tell(self)
        status["number_of_rows"] = str(sum(map(len, self.state.values())))
        status["sequence_numbers"] = dict(self.sender_seqnums)  # of what it published last, by table
        began = getattr(self, "poll_began", None)
        if began is not None and self.last_error is None:
            lasts = time.monotonic() - began
            seconds, poll_times = LATE
            late = f"no answer yet to the poll that began {lasts:.0f} s ago"
            is_late = lasts > max(seconds, poll_times * self.poll_time)
            status["last_error"] = str(self.error_before or (late if is_late else None))
        return status

    return get_status


def yielding(convert: Any) -> Any:
    """DataSourceDriver.convert_objs, which gives the loop away now and then."""

    def convert_objs(cls: Any, objects: Any, translator: dict[str, Any]) -> Any:
        extract = translator.get(cls.OBJECTS_EXTRACT_FN)
        rest = {key: value for key, value in translator.items() if key != cls.OBJECTS_EXTRACT_FN}
        return convert(cls, in_turns(extract(objects) if extract else objects), rest)

    return classmethod(convert_objs)


def in_turns(objects: Iterable[Any]) -> Iterator[Any]:
    for number, one in enumerate(objects):
        if number % AT_ONCE == AT_ONCE - 1:
            eventlet.sleep(0)
        yield one
