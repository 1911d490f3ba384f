"""Run by Congress's Python: reads configuration files as a node does.

Each line on standard input is a JSON list of files, as in --config-file. Each line of the answer is a JSON object:
`values` ("group.name" of every key in the files -> value as Congress reads it) and `errors` (keys without an
option, values that their option refuses). One process serves all, because the imports take seconds.
"""

import json
import sys
from importlib.metadata import entry_points

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress_runtime import launcher
from congress_runtime.patches import evaluation
from keystoneauth1 import loading
from oslo_config import cfg

# The namespaces of Congress's own congress-config-generator.conf, and of its libraries.
NAMESPACES = (
    "congress",
    "oslo.log",
    "oslo.policy",
    "oslo.db",
    "oslo.concurrency",
    "oslo.middleware.cors",
    "oslo.messaging",
    "oslo.service.service",
    "keystonemiddleware.auth_token",
)


def load() -> list[tuple[str | None, list[cfg.Opt]]]:
    options: list[tuple[str | None, list[cfg.Opt]]] = [
        ("watchdog", launcher.OPTIONS),
        ("evaluation", evaluation.OPTIONS),
    ]
    # These depend on auth_type, so keystonemiddleware does not list them.
    user = loading.get_auth_plugin_conf_options("password")
    for opt in user:
        opt.required = False  # with noauth nobody logs in
    options.append(("keystone_authtoken", user))
    for entry in entry_points(group="oslo.config.opts"):
        if entry.name in NAMESPACES:
            options += [(None if group == "DEFAULT" else group, list(opts)) for group, opts in entry.load()()]
    return options


def read(options: list[tuple[str | None, list[cfg.Opt]]], files: list[str]) -> dict[str, object]:
    conf = cfg.ConfigOpts()
    for group, opts in options:
        conf.register_opts(opts, group=group)
    conf([word for file in files for word in ("--config-file", file)], project="congress")
    values: dict[str, object] = {}
    errors: list[str] = []
    for file in files:
        keys: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(file, keys).parse()
        for section, names in keys.items():
            for name in names:
                try:
                    values[f"{section}.{name}"] = conf[name] if section == "DEFAULT" else conf[section][name]
                except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
                    errors.append(f"{section}.{name}: Congress has no such option")
                except (ValueError, cfg.Error) as error:
                    errors.append(f"{section}.{name}: {error}")
    return {"values": values, "errors": errors}


def main() -> None:
    options = load()
    for line in sys.stdin:
        print(json.dumps(read(options, json.loads(line)), default=str), flush=True)


main()
