"""Runs in Congress's virtual environment: an engine's API, from our api-paste.ini to its own tables.

Everything is Congress's own except the bus, which is oslo.messaging's in-memory bus, and the database, which is SQLite.
usage: engine_api.py API_PASTE CONFIGURATION FOLDER STEPS: STEPS is a JSON list of requests, [method, path, token or
null], and of names of faults, which stay. Prints a JSON list of [status, body], one for each request.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import eventlet

eventlet.monkey_patch()

import congress_runtime.patches.removed_names  # noqa: F401, E402  names that congress imports and Python removed
from congress.common import config  # noqa: E402
from congress.db import api as db_api  # noqa: E402
from congress.db import model_base  # noqa: E402
from paste import deploy  # noqa: E402

OURS = """
[DEFAULT]
transport_url = fake:/
api_paste_config = {paste}
encryption_key_path = {folder}
policy_library_path = {folder}
use_syslog = False
[database]
connection = sqlite:///{folder}/congress.sqlite
[oslo_concurrency]
lock_path = {folder}
"""


def load(paste: str, configuration: str, folder: Path) -> Any:
    """Start the API as upstream's APIServer does (congress.common.eventlet_server), with another bus and database."""
    file = folder / "engine.conf"
    file.write_text(OURS.format(paste=paste, folder=folder))
    config.init(["--config-file", configuration, "--config-file", str(file)])
    import congress.service  # noqa: F401, PLC0415  imports the model of every table

    model_base.BASE.metadata.create_all(db_api.get_engine())
    flags = json.dumps({"policy_engine": True, "api": True, "datasources": False})
    # With our api-paste.ini, not with upstream's.
    if "congress_runtime.wsgi.health:" in Path(config.find_paste_config()).read_text():
        from congress_runtime.patches import keystone_context, subscriptions  # noqa: PLC0415

        keystone_context.apply()
        subscriptions.apply()
    global_conf = {"node_id": "policy-engine-1", "bus_id": "bus", "flags": flags}
    return deploy.loadapp(f"config:{config.find_paste_config()}", name="congress", global_conf=global_conf)


def ask(app: Any, method: str, path: str, token: str | None) -> tuple[int, str]:
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "SERVER_NAME": "engine",
        "SERVER_PORT": "1789",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(b"{}"),
        "wsgi.errors": sys.stderr,
        "CONTENT_LENGTH": "2",
        "CONTENT_TYPE": "application/json",
        **({"HTTP_X_AUTH_TOKEN": token} if token else {}),
    }
    body = b"".join(app(environ, lambda status, *_: statuses.append(status)))
    return int(statuses[-1].split()[0]), body.decode()


def fault(name: str) -> None:
    # Only now: Congress's modules read the configuration while they are imported.
    from congress_runtime.wsgi.health import Application  # noqa: PLC0415

    if name == "no engine":
        Application.health.bus.node.service_object("__engine").stop()
    elif name == "no database":
        model_base.BASE.metadata.drop_all(db_api.get_engine())
    else:
        raise ValueError(name)
    wait_for_health(well=False)


def wait_for_health(*, well: bool) -> None:
    from congress_runtime.wsgi.health import Application  # noqa: PLC0415

    with eventlet.Timeout(30):
        while (Application.health.problem == "") is not well:
            eventlet.sleep(0.05)


def main(paste: str, configuration: str, folder: str, steps: str) -> None:
    app, answers = load(paste, configuration, Path(folder)), []
    if "congress_runtime.wsgi.health" in sys.modules:  # with our api-paste.ini
        wait_for_health(well=True)
    for step in json.loads(steps):
        if isinstance(step, str):
            fault(step)
        else:
            answers.append(ask(app, *step))
    print(json.dumps(answers))
    sys.stdout.flush()


main(*sys.argv[1:])
