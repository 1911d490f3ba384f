"""End a poll that is not answered, and pause while a large answer is converted.

Each datasource polls in its own green thread, but upstream waits without a time limit. If a cloud accepts the request
and never answers, the datasource is not polled again after the cloud has recovered, and its status does not show it.
Upstream also converts the whole answer of a cloud into rows without a pause. Meanwhile no other datasource is
polled, and after 30 s the guard kills the node.
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

REQUEST_TIMEOUT = 60.0  # seconds for which a cloud may be silent during a request
LIMIT = 600.0  # seconds for a whole poll
LATE = 30.0, 3  # seconds, poll times; the status reports a poll that lasts longer than both
CHUNK = 200  # objects that are converted into rows without a pause


class PollEnded(Exception):  # noqa: N818  shown to users as the datasource's last error
    ...


def apply() -> None:
    datasource_utils.get_keystone_session = with_timeout(datasource_utils.get_keystone_session)
    PollingDataSourceDriver.poll = limited(PollingDataSourceDriver.poll)
    DataSourceDriver.get_status = with_current_poll(DataSourceDriver.get_status)
    DataSourceDriver.convert_objs = converting_with_pauses(DataSourceDriver.convert_objs.__func__)


def with_timeout(login: Any) -> Any:
    """datasource_utils.get_keystone_session; upstream's sessions have no timeout."""

    def get_keystone_session(*args: Any, **kwargs: Any) -> Any:
        session = login(*args, **kwargs)
        session.timeout = REQUEST_TIMEOUT
        return session

    return get_keystone_session


@functools.cache
def limit_vmware() -> None:
    """Add a timeout to VMwareAPISession: without one, a session that waits keeps all others from logging in."""
    from oslo_vmware.api import VMwareAPISession  # noqa: PLC0415  the import would lengthen each failover

    init = VMwareAPISession.__init__

    def limited_init(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **{"connection_timeout": REQUEST_TIMEOUT / 2, **kwargs})

    VMwareAPISession.__init__ = limited_init


def limited(poll: Any) -> Any:
    """PollingDataSourceDriver.poll with a time limit."""

    def poll_with_limit(self: Any) -> None:
        self.poll_start, self.previous_error = time.monotonic(), self.last_error
        limit = eventlet.Timeout(LIMIT)
        try:
            poll(self)
        except eventlet.Timeout as timeout:
            if timeout is not limit:
                raise
            self.last_error = PollEnded(f"a poll was ended after {LIMIT:.0f} s")
            LOG.warning("datasource %s: %s", self.name, self.last_error)
        finally:
            limit.cancel()
            self.poll_start = None

    return poll_with_limit


def with_current_poll(get_upstream_status: Any) -> Any:
    """DataSourceDriver.get_status with rows, sequence numbers and a late poll.

    Upstream clears the last error when the next poll starts; here it stays until that poll ends.
    """

    def get_status(self: Any) -> dict[str, Any]:
        status: dict[str, Any] = get_upstream_status(self)
        status["number_of_rows"] = str(sum(map(len, self.state.values())))
        status["sequence_numbers"] = dict(self.sender_seqnums)  # table -> number of its last publication
        start = getattr(self, "poll_start", None)
        if start is not None and self.last_error is None:
            duration = time.monotonic() - start
            seconds, poll_times = LATE
            late = f"no answer yet to the poll that started {duration:.0f} s ago"
            is_late = duration > max(seconds, poll_times * self.poll_time)
            status["last_error"] = str(self.previous_error or (late if is_late else None))
        return status

    return get_status


def converting_with_pauses(convert: Any) -> Any:
    """DataSourceDriver.convert_objs with pauses."""

    def convert_objs(cls: Any, objects: Any, translator: dict[str, Any]) -> Any:
        extract = translator.get(cls.OBJECTS_EXTRACT_FN)
        rest = {key: value for key, value in translator.items() if key != cls.OBJECTS_EXTRACT_FN}
        if extract:
            objects = extract(Pausing(objects) if type(objects) is list else objects)
        return convert(cls, pausing(objects), rest)

    return classmethod(convert_objs)


class Pausing(list[Any]):
    """For a driver that goes through all objects before they are converted."""

    def __iter__(self) -> Iterator[Any]:
        return pausing(super().__iter__())


def pausing(objects: Iterable[Any]) -> Iterator[Any]:
    for number, item in enumerate(objects):
        if number % CHUNK == CHUNK - 1:
            eventlet.sleep(0)
        yield item
