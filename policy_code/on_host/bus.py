"""Calls of Congress's services over its message bus, as Congress's API makes them: no caller's token is needed.

Whoever is root on this host can do this anyway (docs/security.md).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import oslo_messaging
from congress.exception import CongressException
from congress_runtime.bus import DATASOURCE_MANAGER, POLICY_ENGINE, topic
from oslo_config import cfg
from oslo_db.exception import DBError

# Errors of Congress that arrive as what they are. Others become a RemoteError, with a text.
KNOWN = ["congress.exception", "oslo_db.exception"]
MOMENT = 10.0  # seconds for an engine to answer a call that costs it nothing
PAUSE = 0.5


class CallError(Exception):
    """A call failed; the text says why, in one line."""


class UnknownError(CallError):
    """There was no usable answer: what the call asks for may be done, or be done later."""


class Caller:
    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.conf = conf
        self.transport = oslo_messaging.get_rpc_transport(conf, allowed_remote_exmods=KNOWN)

    def call(self, service: str, method: str, *, server: str | None, limit: float, **words: Any) -> Any:
        target = oslo_messaging.Target(
            exchange="congress", topic=topic(self.conf, service), version="1.0", server=server
        )
        client = oslo_messaging.get_rpc_client(self.transport, target, timeout=limit)
        try:
            return client.call({}, method, **words)
        except oslo_messaging.MessagingTimeout:
            raise UnknownError(f"{server or service} did not answer within {limit:.0f} s") from None
        except DBError as error:  # also from a commit whose answer was lost
            raise UnknownError(f"Congress's database: {first_line(str(error))}") from None
        except oslo_messaging.RemoteError as error:
            raise CallError(first_line(str(error.value))) from None
        except (CongressException, KeyError, oslo_messaging.MessagingException) as error:
            raise CallError(first_line(str(error.args[0] if error.args else error))) from None


class Bus(Caller):
    """`engines`: ids of all policy engines. The first that answers makes all changes; a change must be seen by all."""

    def __init__(self, conf: cfg.ConfigOpts, engines: Sequence[str], limit: float) -> None:
        super().__init__(conf)
        self.limit = limit
        self.engines = [engine for engine in engines if self.answers(engine)]
        if not self.engines:
            raise CallError(
                f"no policy engine answers on the bus: {', '.join(engines)}: `make status` says why"
            )

    def engine(self, method: str, **words: Any) -> Any:
        return self.call(POLICY_ENGINE, method, server=self.engines[0], limit=self.limit, **words)

    def datasources(self, method: str, **words: Any) -> Any:
        """There is one datasource node; its id does not matter."""
        return self.call(DATASOURCE_MANAGER, method, server=None, limit=self.limit, **words)

    def answers(self, engine: str) -> bool:
        try:
            self.call(POLICY_ENGINE, "ping", server=engine, limit=MOMENT)
        except CallError:
            return False
        return True

    def wait_for_tables(self, datasource: str, *, known: bool) -> None:
        """Wait until each engine has the tables of a datasource, or no longer has them.

        Rules may name columns only where an engine knows them, and an engine that did not notice a deletion would keep
        the tables of the former datasource of that name. An engine that ended meanwhile reads everything at its start.
        """
        end = time.monotonic() + self.limit
        waiting = list(self.engines)
        while waiting := [
            one for one in waiting if self.answers(one) and self.knows(one, datasource) != known
        ]:
            if time.monotonic() > end:
                what = "does not get" if known else "keeps"
                raise UnknownError(f"{', '.join(waiting)} {what} the tables of {datasource}")
            time.sleep(PAUSE)

    def knows(self, engine: str, datasource: str) -> bool:
        self.call(POLICY_ENGINE, "persistent_load_policies", server=engine, limit=self.limit)
        tables: Iterable[str] | None = self.call(
            POLICY_ENGINE, "get_tablenames", server=engine, limit=self.limit, source_id=datasource
        )
        return tables is not None


def first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
