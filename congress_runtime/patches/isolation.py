"""One bad datasource harms itself only.

Upstream makes datasources one after another, each before the next and before the node serves. So

- one whose cloud accepts and never answers keeps the node from serving, on either host, at every failover,
- one whose driver raises ends the round of synchronisation: what comes after it is not made, what was deleted goes on
  polling; and its creation is answered as if it had succeeded,
- one whose driver is not there ends the node,
- one of which the name was given to another keeps that other one from being made,
- one that is deleted while a request to it hangs keeps all others from being made and deleted.

Here they are made at the same time, and `Unmade` stands for those that are not there within a moment. Nothing that a
cloud may delay happens under the lock that all rounds share. A datasource's configuration is not logged: upstream masks
its password by a pattern, which leaves a part of one with a quote in it readable.
"""

import time
from typing import Any

import eventlet
from congress import harness
from congress.db import datasources
from congress.dse2.datasource_manager import DSManagerService
from congress.dse2.dse_node import DseNode
from congress.exception import DatasourceCreationError, InvalidDriver
from congress.synchronizer.datasource_synchronizer import DatasourceSynchronizer
from congress_runtime.patches.polls import limit_vmware
from congress_runtime.patches.unmade import Unmade, register
from futurist import periodics
from oslo_concurrency import lockutils
from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)

# Seconds for which all that are made in one round may be waited for together.
MOMENT = 1.0


def apply() -> None:
    harness.create_datasources = create_datasources
    DatasourceSynchronizer.synchronize_all_datasources = periodics.periodic(
        spacing=cfg.CONF.datasource_sync_period
    )(lambda synchronizer: synchronize(synchronizer.node))
    DatasourceSynchronizer.sync_datasource = lambda synchronizer, _name: synchronize(synchronizer.node)
    DSManagerService.add_datasource = refusing(DSManagerService.add_datasource)
    DseNode.validate_create_datasource = discreet(DseNode.validate_create_datasource)
    DseNode.unregister_service = unregister_service


def create_datasources(node: Any) -> None:
    if cfg.CONF.delete_missing_driver_datasources:
        node.delete_missing_driver_datasources()
    synchronize(node)
    if cfg.CONF.json_ingester.enable:
        harness.create_json_ingester_datasources(node)


def refusing(add: Any) -> Any:
    """DSManagerService.add_datasource, which refuses if the first attempt to make the driver fails."""

    def add_datasource(self: Any, *args: Any, **kwargs: Any) -> Any:
        created = add(self, *args, **kwargs)
        service = self.node.service_object(uuid_=created["id"])
        if isinstance(service, Unmade):
            service.tried.wait()
            if service.made is None:
                reason = service.reason
                datasources.delete_datasource_with_data(created["id"])
                synchronize(self.node)
                raise DatasourceCreationError(message=reason)
        return created

    return add_datasource


def discreet(validate: Any) -> Any:
    """DseNode.validate_create_datasource; upstream's refusal of an unknown driver is the whole datasource."""

    def validate_create_datasource(self: Any, datasource: dict[str, Any]) -> Any:
        try:
            return validate(self, datasource)
        except InvalidDriver:
            pass
        raise InvalidDriver(driver=datasource["driver"])

    return validate_create_datasource


def unregister_service(self: Any, service_id: str | None = None, uuid_: str | None = None) -> None:
    service = self.service_object(service_id=service_id, uuid_=uuid_)
    if service is not None:
        self._services.remove(service)
        service.stop()
        eventlet.spawn_n(service.wait)  # for the requests that it serves


@lockutils.synchronized("congress_synchronize_datasources")  # type: ignore[untyped-decorator]
def synchronize(node: Any) -> None:
    """Let the node have the datasources that the database has."""
    wanted = {found["id"]: found for found in node.get_datasources(filter_secret=False) if found["enabled"]}
    running = [
        one for one in node.get_services(hidden=True) if getattr(one, "type", "") == "datasource_driver"
    ]
    stale = [one for one in running if one.ds_id not in wanted]
    for service in stale:  # first, for a new one may have the name of an old one
        remove(node, service)
    there = {service.ds_id for service in running}
    new = [made(node, datasource) for id_, datasource in wanted.items() if id_ not in there]
    end = time.monotonic() + MOMENT
    for service in new:
        while service.made is None and not service.tried.ready() and time.monotonic() < end:
            eventlet.sleep(0.01)
        begin(node, service)
    LOG.info("synchronized datasources, added %d removed %d on node %s", len(new), len(stale), node.node_id)


def made(node: Any, datasource: dict[str, Any]) -> Unmade:
    driver = node.loaded_drivers.get(datasource["driver"])
    if datasource["driver"] == "vcenter":
        limit_vmware()
    LOG.info("making datasource %s with driver %s", datasource["name"], datasource["driver"])
    return Unmade(datasource, driver and driver.plugin)


def begin(node: Any, service: Unmade) -> None:
    if service.made is None:
        register(node, service)
        service.registered.send()
    else:
        service.thread.kill()
        register(node, service.made)


def remove(node: Any, service: Any) -> None:
    LOG.info("datasource %s is not wanted any more", service.service_id)
    try:
        node.unregister_service(uuid_=service.ds_id)
    except Exception:
        LOG.exception("datasource %s did not stop", service.service_id)
