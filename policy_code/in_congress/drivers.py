"""What Congress's drivers report about themselves: the keys of their configuration, and their tables."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from congress.datalog.compile import string_is_servicename
from congress.datasources import constants
from congress.datasources.datasource_driver import ExecutionDriver
from congress.dse2.dse_node import DseNode
from congress_runtime.patches import drivers

MOST = 16
Schema = dict[str, list[str]]
Problem = tuple[list[Any], str]


def near(word: str, choices: Any) -> str:
    """The way out if a word is not known."""
    close = get_close_matches(word, [*choices], n=3)
    if close:
        return f"did you mean {' or '.join(close)}?"
    shown = sorted(choices)
    return f"known here are {', '.join(shown[:MOST]) or 'none'}{', ...' if shown[MOST:] else ''}"


def load() -> None:
    drivers.apply()
    DseNode.load_drivers()


def plugin(name: str) -> Any:
    """The class of a driver, None if there is no such driver."""
    driver = DseNode.loaded_drivers.get(name)
    return driver and driver.plugin


def schema(driver: Any) -> Schema:
    return {
        table: [column["name"] if isinstance(column, dict) else column for column in columns]
        for table, columns in driver.get_schema().items()
    }


def executes(driver: Any) -> bool:
    return issubclass(driver, ExecutionDriver)


def check(declared: dict[str, Any]) -> Iterator[Problem]:
    """Like DseNode.validate_create_datasource, but finds all problems. `config`: key -> whether it names a secret."""
    name, config, driver = declared["name"], declared["config"], plugin(declared["driver"])
    if not string_is_servicename(name):
        yield ["name"], f"name: {name} is a word of the rules' language: choose another name"
    if not driver:
        installed = [entry for entry in DseNode.loaded_drivers.entries if plugin(entry)]
        yield (
            ["driver"],
            f"driver: Congress has no driver {declared['driver']}: {near(declared['driver'], installed)}",
        )
        return
    info = driver.get_datasource_info()
    keys = info["config"]
    for key in config.keys() - keys.keys():
        yield ["config", key], f"config.{key}: driver {declared['driver']} has no such key: {near(key, keys)}"
    missing = {key for key, need in keys.items() if need == constants.REQUIRED} - config.keys()
    if "tenant_name" in config:  # project_name's former name
        missing.discard("project_name")
    for key in sorted(missing):
        yield ["config"], f"config.{key} is missing: driver {declared['driver']} needs it"
    for key in sorted(config.keys() & set(info.get("secret", []))):
        if not config[key]:
            yield (
                ["config", key],
                f"config.{key} is secret and stands here as text: write {{secret: NAME}}, a secret of the stack",
            )
