"""Hide a datasource's password in every answer of the API.

Upstream hides the fields that a driver declares secret only in the list of all datasources. `GET /v1/data-sources/ID`
and the answer to a creation show them decrypted to everyone who may read datasources
(congress/api/datasource_model.py). The configuration of a datasource may be None.
"""

from typing import Any

from congress.api.datasource_model import DatasourceModel

HIDDEN = "<hidden>"  # as in upstream's list


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
