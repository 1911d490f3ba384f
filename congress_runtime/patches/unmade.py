"""A placeholder for a datasource, which creates its driver.

Some drivers log in to their cloud when they are created, without a time limit (glancev2, heat, aodh, monasca, vcenter).
Any driver may refuse its configuration. The placeholder answers requests for the datasource's status with the reason,
and the driver replaces it as soon as it has been created.
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
FIRST_PAUSE, MAX_PAUSE = 5.0, 300.0  # seconds until the next attempt, doubled each time
HIDDEN = "***"


class PendingDatasource(DataSourceDriver):  # type: ignore[misc]
    """`plugin`: the driver's class, None if it does not exist. `driver`: the driver, None until it is created.

    `attempted`: the first attempt has ended. `registered`: the node has the placeholder as a service.
    """

    def __init__(self, datasource: dict[str, Any], plugin: Any) -> None:
        super().__init__(datasource["name"], {"ds_id": datasource["id"]})
        self.add_rpc_endpoint(PushedDataSourceDriverEndpoints(self))
        self.datasource, self.plugin = datasource, plugin
        if plugin:
            for name in ("get_schema", "get_tablename", "get_tablenames", "get_datasource_info"):
                setattr(self, name, getattr(plugin, name))
        self.driver: Any = None
        self.attempted, self.registered = Event(), Event()
        self.retry_requests = eventlet.Queue(maxsize=1)
        self.handing_over = False
        self.last_error = self.reason = self.problem("is being created: no answer yet")
        self.thread = eventlet.spawn(self.create_driver)

    def create_driver(self) -> None:
        """Try until the driver is created, then let it replace this placeholder."""
        pause = FIRST_PAUSE
        while self.driver is None:
            try:
                self.driver = self.attempt()
            except (Exception, eventlet.Timeout) as error:  # noqa: BLE001  any error means that there is no driver
                self.reason = self.problem(f"cannot be created: {described(error)}")
                self.last_error = f"{self.reason}; next attempt in {pause:.0f} s"
                LOG.warning("%s", self.last_error)
                if not self.attempted.ready():
                    LOG.info("%s", self.without_secrets(traceback.format_exc()))
                    self.attempted.send()
                with eventlet.Timeout(pause, False):  # noqa: FBT003
                    self.retry_requests.get()
                pause = min(2 * pause, MAX_PAUSE)
        self.registered.wait()
        try:
            self.hand_over()
        finally:
            self.end_first_attempt()

    def attempt(self) -> Any:
        if self.plugin is None:
            raise LookupError("this driver does not exist here, or disabled_drivers names it")
        arguments = dict(copy.deepcopy(self.datasource["config"]) or {}, ds_id=self.ds_id)
        with eventlet.Timeout(LIMIT):
            return self.plugin(name=self.name, args=arguments)

    def hand_over(self) -> None:
        self.handing_over = True
        node = self.node
        super().stop()  # first, so that requests from now on wait for the driver
        super().wait()
        if node.service_object(uuid_=self.ds_id) is self:
            node._services.remove(self)  # noqa: SLF001  the next line adds the driver before another green thread runs
            register(node, self.driver)
            LOG.info("datasource %s is ready", self.name)

    def stop(self) -> None:
        if self.handing_over:
            self.thread.wait()
        else:
            self.last_error = self.reason = self.problem("was removed before it was created")
            self.thread.kill()
            super().stop()
        self.end_first_attempt()

    def end_first_attempt(self) -> None:
        if not self.attempted.ready():
            self.attempted.send()

    def request_refresh(self) -> None:
        """Make the next attempt now."""
        if self.retry_requests.empty():
            self.retry_requests.put(None)

    def refuse(self, *_: object, **__: object) -> Any:
        raise Unavailable(self.last_error)

    get_row_data = get_snapshot = get_last_published_data_with_seqnum = refuse
    get_actions = request_execute = replace_entire_table_data = refuse
    process_webhook_notification = refuse

    def problem(self, what: str) -> str:
        auth_url = (self.datasource["config"] or {}).get("auth_url")
        at = f" at {auth_url}" if auth_url else ""
        driver = self.datasource["driver"]
        return self.without_secrets(f"datasource {self.name} (driver {driver}{at}) {what}")

    def without_secrets(self, text: str) -> str:
        """Hide the secrets of the configuration; a driver's error may quote them in several forms."""
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
    """DseNode.register_service. If it fails, the node does not keep the service, so the next round creates it again."""
    try:
        node.register_service(service)
    except Exception:
        LOG.exception("datasource %s cannot be registered", service.service_id)
        if service in node._services:  # noqa: SLF001
            node._services.remove(service)  # noqa: SLF001
