"""Import a datasource driver only when a datasource uses it.

While a node starts, upstream imports all drivers and the OpenStack clients that they use. The datasource node starts
during each failover, so this lengthens the failover (docs/figures.md). The other nodes answer requests about every
driver and keep upstream's behaviour.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, distribution
from types import SimpleNamespace

from congress.dse2.dse_node import DseNode
from congress_runtime import patches
from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)


class Drivers:
    """The part of upstream's dictionary of stevedore Extensions that upstream uses; `plugin` is the driver's class.

    A driver that cannot be imported does not exist, as in upstream.
    """

    def __init__(self, entries: Mapping[str, EntryPoint]) -> None:
        self.entries = entries
        self.loaded: dict[str, SimpleNamespace | None] = {}

    def get(self, name: str) -> SimpleNamespace | None:
        if name in self.entries and name not in self.loaded:
            try:
                self.loaded[name] = SimpleNamespace(name=name, plugin=self.entries[name].load())
                patches.apply(f"driver {name}")
            except Exception:
                LOG.exception("driver %s cannot be loaded", name)
                self.loaded[name] = None
        return self.loaded.get(name)

    def values(self) -> list[SimpleNamespace]:
        return [driver for driver in map(self.get, self.entries) if driver]


def apply() -> None:
    def load_drivers() -> None:
        # Only in Congress's own package: a search of all installed packages takes as long as importing some drivers.
        entries = distribution("openstack-congress").entry_points.select(group="congress.datasource.drivers")
        disabled = cfg.CONF.disabled_drivers
        DseNode.loaded_drivers = Drivers(
            {entry.name: entry for entry in entries if entry.name not in disabled}
        )

    DseNode.load_drivers = load_drivers
