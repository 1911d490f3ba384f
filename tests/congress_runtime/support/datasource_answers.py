"""Runs in Congress's virtual environment: prints the API's answers when a datasource is created and read.

usage: datasource_answers.py [upstream]: with `upstream`, without our patch.
"""

import json
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401
from congress.api.datasource_model import DatasourceModel
from congress.common import config

DATASOURCE = {
    "id": "an id",
    "name": "ours",
    "driver": "nova",
    "config": {"username": "a user", "password": "a password", "poll_time": "10"},
}
# As in the database after a creation without a configuration.
BARE = {"id": "bare", "name": "bare", "driver": "doctor", "config": None}


class Bus:
    """The part of the node that the model uses."""

    def get_driver_info(self, driver: str) -> dict[str, Any]:
        drivers: dict[str, dict[str, Any]] = {
            "nova": {"id": "nova", "secret": ["password"]},
            "doctor": {"id": "doctor"},
        }
        return drivers[driver]

    def get_datasource(self, id_: str) -> dict[str, Any]:
        datasources: dict[str, dict[str, Any]] = {
            "an id": DATASOURCE,
            "another": {**DATASOURCE, "driver": "doctor", "config": {"poll_time": "5"}},
            "bare": BARE,
        }
        return datasources[id_]

    def rpc(self, *named: Any, **_: object) -> dict[str, Any]:
        created: dict[str, Any] = named[2]["items"]
        return created


def main(words: list[str]) -> None:
    config.init([])
    if not words:
        from congress_runtime.patches import datasource_answers  # noqa: PLC0415

        datasource_answers.apply()
    model = DatasourceModel("api-datasource", bus=Bus())
    created = [model.add_item(item, {})[1] for item in (DATASOURCE, BARE)]
    print(json.dumps([*created, *(model.get_item(id_, {}) for id_ in ("an id", "another", "bare"))]))


main(sys.argv[1:])
