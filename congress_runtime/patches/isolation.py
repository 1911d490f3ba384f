"""Limit the effects of a bad datasource to this datasource.

Upstream creates the datasources one after another, before the node serves. This has the following effects:

- If a cloud accepts the connection and never answers, the node does not serve, on either host, at every failover.
- If a driver raises an exception, the round of synchronisation ends: the datasources after it are not created, and
  deleted ones go on polling. The request that created the datasource is answered as if it had succeeded.
- If a driver does not exist, the node ends.
- If a new datasource has the name of a deleted one, it may not be created.
- If a datasource is deleted while a request to it hangs, no other one is created or deleted.

Here, all datasources are created at the same time, and a `PendingDatasource` takes the place of each one that is not
ready within MOMENT. Nothing that a cloud may delay happens under the lock that all rounds share. The configuration of a
datasource is not logged: upstream masks its password by a pattern, which leaves parts of a password that contains a
quote readable.
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
from congress_runtime import rounds
from congress_runtime.patches.polls import limit_vmware
from congress_runtime.patches.unmade import PendingDatasource, register
from futurist import periodics
from oslo_concurrency import lockutils
from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)

# Seconds for which one round waits for all of its new datasources together.
MOMENT = 1.0


def apply() -> None:
    harness.create_datasources = create_datasources
    DatasourceSynchronizer.synchronize_all_datasources = periodics.periodic(
        spacing=cfg.CONF.datasource_sync_period
    )(lambda synchronizer: run_round(synchronizer.node))
    DatasourceSynchronizer.sync_datasource = lambda synchronizer, _name: synchronize(synchronizer.node)
    DSManagerService.add_datasource = with_first_attempt(DSManagerService.add_datasource)
    DseNode.validate_create_datasource = without_configuration(DseNode.validate_create_datasource)
    DseNode.unregister_service = unregister_service


def create_datasources(node: Any) -> None:
    if cfg.CONF.delete_missing_driver_datasources:
        node.delete_missing_driver_datasources()
    synchronize(node)
    if cfg.CONF.json_ingester.enable:
        harness.create_json_ingester_datasources(node)


def with_first_attempt(add: Any) -> Any:
    """DSManagerService.add_datasource that fails if the first attempt to create the driver fails."""

    def add_datasource(self: Any, *args: Any, **kwargs: Any) -> Any:
        created = add(self, *args, **kwargs)
        service = self.node.service_object(uuid_=created["id"])
        if isinstance(service, PendingDatasource):
            service.attempted.wait()
            if service.driver is None:
                reason = service.reason
                datasources.delete_datasource_with_data(created["id"])
                synchronize(self.node)
                raise DatasourceCreationError(message=reason)
        return created

    return add_datasource


def without_configuration(validate: Any) -> Any:
    """DseNode.validate_create_datasource; upstream's error about an unknown driver quotes the whole configuration."""

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
        eventlet.spawn_n(service.wait)  # until its current requests are answered


def run_round(node: Any) -> None:
    try:
        synchronize(node)
    except Exception:
        LOG.exception("the datasources were not synchronized, the next round tries it again")
    rounds.end()


@lockutils.synchronized("congress_synchronize_datasources")  # type: ignore[untyped-decorator]
def synchronize(node: Any) -> None:
    """Create and remove datasources until the node has those that are enabled in the database."""
    datasources_by_id = {
        datasource["id"]: datasource
        for datasource in node.get_datasources(filter_secret=False)
        if datasource["enabled"]
    }
    running = [
        service
        for service in node.get_services(hidden=True)
        if getattr(service, "type", "") == "datasource_driver"
    ]
    stale = [service for service in running if service.ds_id not in datasources_by_id]
    for service in stale:  # first, because a new one may have the name of an old one
        remove(node, service)
    running_ids = {service.ds_id for service in running}
    new = [create(node, item) for id_, item in datasources_by_id.items() if id_ not in running_ids]
    deadline = time.monotonic() + MOMENT
    for service in new:
        while service.driver is None and not service.attempted.ready() and time.monotonic() < deadline:
            eventlet.sleep(0.01)
        start(node, service)
    LOG.info("synchronized datasources, added %d removed %d on node %s", len(new), len(stale), node.node_id)


def create(node: Any, datasource: dict[str, Any]) -> PendingDatasource:
    driver = node.loaded_drivers.get(datasource["driver"])
    if datasource["driver"] == "vcenter":
        limit_vmware()
    LOG.info("creating datasource %s with driver %s", datasource["name"], datasource["driver"])
    return PendingDatasource(datasource, driver and driver.plugin)


def start(node: Any, service: PendingDatasource) -> None:
    """Register the driver if it is ready, or else the placeholder, which goes on creating the driver."""
    if service.driver is None:
        register(node, service)
        service.registered.send()
    else:
        service.thread.kill()
        register(node, service.driver)


def remove(node: Any, service: Any) -> None:
    LOG.info("removing datasource %s, which was deleted or disabled", service.service_id)
    try:
        node.unregister_service(uuid_=service.ds_id)
    except Exception:
        LOG.exception("datasource %s did not stop", service.service_id)
