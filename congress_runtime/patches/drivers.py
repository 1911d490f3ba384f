"""Import a datasource driver when a datasource of it is there, not before.

Upstream imports all of them, with the OpenStack clients that they use, while a node starts. On the datasource node that
is a part of each failover (docs/figures.md). The other nodes answer requests about every driver, and keep upstream's
way.
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
    """What upstream asks of its dictionary of stevedore's Extensions, and of them `plugin`, the driver's class.

    A driver that cannot be imported is not there, as with upstream.
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
        # Congress's own package: to look through all that is installed takes as long as to import some drivers.
        entries = distribution("openstack-congress").entry_points.select(group="congress.datasource.drivers")
        disabled = cfg.CONF.disabled_drivers
        DseNode.loaded_drivers = Drivers(
            {entry.name: entry for entry in entries if entry.name not in disabled}
        )

    DseNode.load_drivers = load_drivers
