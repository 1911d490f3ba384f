"""Stands for a datasource until its driver could be made, and tries to make it.

Some drivers log in to their cloud while they are made, without a time limit (glancev2, heat, aodh, monasca, vcenter),
and any may refuse its configuration. What stands here says which datasource is bad and why (its status is answered as
that of any other), and is replaced by the driver as soon as there is one.
"""

import copy
import json
import traceback
import urllib.parse
from typing import Any

import eventlet
from congress.datasources.datasource_driver import DataSourceDriver, PushedDataSourceDriverEndpoints
from congress.exception import Unavailable
from eventlet.event import Event
from oslo_log import log

LOG = log.getLogger(__name__)

LIMIT = 30.0  # seconds for one attempt
FIRST, LONGEST = 5.0, 300.0  # seconds until the next one, doubled each time
HIDDEN = "***"


class Unmade(DataSourceDriver):  # type: ignore[misc]
    """`plugin` is the driver's class: None if there is none of that name."""

    def __init__(self, datasource: dict[str, Any], plugin: Any) -> None:
        super().__init__(datasource["name"], {"ds_id": datasource["id"]})
        self.add_rpc_endpoint(PushedDataSourceDriverEndpoints(self))
        self.datasource, self.plugin = datasource, plugin
        if plugin:
            for name in ("get_schema", "get_tablename", "get_tablenames", "get_datasource_info"):
                setattr(self, name, getattr(plugin, name))
        self.made: Any = None
        self.tried, self.registered = Event(), Event()
        self.sooner = eventlet.Queue(maxsize=1)
        self.handing_over = False
        self.last_error = self.reason = self.problem("is being made: no answer yet")
        self.thread = eventlet.spawn(self.make)

    def make(self) -> None:
        """Try until there is a driver, then let it take this one's place."""
        pause = FIRST
        while self.made is None:
            try:
                self.made = self.attempt()
            except (Exception, eventlet.Timeout) as error:  # noqa: BLE001  whatever it is, there is no driver
                self.reason = self.problem(f"cannot be made: {described(error)}")
                self.last_error = f"{self.reason}; tried again in {pause:.0f} s"
                LOG.warning("%s", self.last_error)
                if not self.tried.ready():
                    LOG.info("%s", self.without_secrets(traceback.format_exc()))
                    self.tried.send()
                with eventlet.Timeout(pause, False):  # noqa: FBT003
                    self.sooner.get()
                pause = min(2 * pause, LONGEST)
        self.registered.wait()
        try:
            self.hand_over()
        finally:
            self.settle()

    def attempt(self) -> Any:
        if self.plugin is None:
            raise LookupError("there is no such driver here, or disabled_drivers names it")
        arguments = dict(copy.deepcopy(self.datasource["config"]) or {}, ds_id=self.ds_id)
        with eventlet.Timeout(LIMIT):
            return self.plugin(name=self.name, args=arguments)

    def hand_over(self) -> None:
        self.handing_over = True
        node = self.node
        super().stop()  # first, so that each request of now on waits for the driver
        super().wait()
        if node.service_object(uuid_=self.ds_id) is self:
            node._services.remove(self)  # noqa: SLF001  the next line takes its place before anybody looks
            register(node, self.made)
            LOG.info("datasource %s is there", self.name)

    def stop(self) -> None:
        if self.handing_over:
            self.thread.wait()
        else:
            self.last_error = self.reason = self.problem("was removed before it was made")
            self.thread.kill()
            super().stop()
        self.settle()

    def settle(self) -> None:
        if not self.tried.ready():
            self.tried.send()

    def request_refresh(self) -> None:
        """Try now."""
        if self.sooner.empty():
            self.sooner.put(None)

    def refuse(self, *_: object, **__: object) -> Any:
        raise Unavailable(self.last_error)

    get_row_data = get_snapshot = get_last_published_data_with_seqnum = refuse
    get_actions = request_execute = replace_entire_table_data = refuse
    process_webhook_notification = refuse

    def problem(self, what: str) -> str:
        place = (self.datasource["config"] or {}).get("auth_url")
        at = f" at {place}" if place else ""
        driver = self.datasource["driver"]
        return self.without_secrets(f"datasource {self.name} (driver {driver}{at}) {what}")

    def without_secrets(self, text: str) -> str:
        """A driver's error may quote what it was given, in its own way."""
        config = self.datasource["config"] or {}
        names = self.plugin.get_datasource_info().get("secret", []) if self.plugin else ["password"]
        for secret in sorted(
            (str(config[name]) for name in names if config.get(name)), key=len, reverse=True
        ):
            for form in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], urllib.parse.quote(secret)):
                text = text.replace(form, HIDDEN)
        return text


def described(error: BaseException) -> str:
    if isinstance(error, eventlet.Timeout):
        return f"no answer within {LIMIT:.0f} s"
    return f"{type(error).__name__}: {error}".splitlines()[0]


def register(node: Any, service: Any) -> None:
    """DseNode.register_service; what cannot be registered is not there, so that the next round makes it anew."""
    try:
        node.register_service(service)
    except Exception:
        LOG.exception("datasource %s cannot be registered", service.service_id)
        if service in node._services:  # noqa: SLF001
            node._services.remove(service)  # noqa: SLF001
