"""Prints what Congress's own API answers for one datasource, read and created; run by the judges' Congress.

usage: datasource_answers.py [upstream]: as upstream alone does it.
"""

import json
import sys
from typing import Any

import congress_compat  # noqa: F401
from congress.api.datasource_model import DatasourceModel
from congress.common import config

KNOWN = {
    "id": "an id",
    "name": "ours",
    "driver": "nova",
    "config": {"username": "a user", "password": "a password", "poll_time": "10"},
}


class Bus:
    """What the model asks of its node."""

    def get_driver_info(self, driver: str) -> dict[str, Any]:
        known: dict[str, dict[str, Any]] = {
            "nova": {"id": "nova", "secret": ["password"]},
            "doctor": {"id": "doctor"},
        }
        return known[driver]

    def get_datasource(self, id_: str) -> dict[str, Any]:
        return {"an id": KNOWN, "another": {**KNOWN, "driver": "doctor", "config": {"poll_time": "5"}}}[id_]

    def rpc(self, *_: object, **__: object) -> dict[str, Any]:
        return KNOWN


def main(words: list[str]) -> None:
    config.init([])
    if not words:
        import congress_datasource_answers  # noqa: PLC0415

        congress_datasource_answers.arm()
    model = DatasourceModel("api-datasource", bus=Bus())
    _, created = model.add_item(KNOWN, {})
    print(json.dumps([created, model.get_item("an id", {}), model.get_item("another", {})]))


main(sys.argv[1:])
