"""Answer for a datasource without its password, whichever way one asks.

Upstream hides what a driver calls secret in the list of all datasources alone. `GET /v1/data-sources/ID`, and the
answer to the creation of one, show it decrypted to whoever may read datasources (congress/api/datasource_model.py).
One that was created without a configuration has none to hide anything in.
"""

from typing import Any

from congress.api.datasource_model import DatasourceModel

HIDDEN = "<hidden>"  # as upstream's list has it


def apply() -> None:
    read, create = DatasourceModel.get_item, DatasourceModel.add_item

    def get_item(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return without_secrets(self.bus, read(self, *args, **kwargs))

    def add_item(self: Any, *args: Any, **kwargs: Any) -> tuple[str, dict[str, Any]]:
        id_, datasource = create(self, *args, **kwargs)
        return id_, without_secrets(self.bus, datasource)

    DatasourceModel.get_item, DatasourceModel.add_item = get_item, add_item


def without_secrets(bus: Any, datasource: dict[str, Any]) -> dict[str, Any]:
    secret = bus.get_driver_info(datasource["driver"]).get("secret", [])
    config = datasource["config"]
    if config is not None:
        config = {key: HIDDEN if key in secret else value for key, value in config.items()}
    return {**datasource, "config": config}
