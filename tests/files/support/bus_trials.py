"""Starts a RabbitMQ with TLS and tries it in several ways; prints what each trial says, as JSON.

It runs in a network namespace of its own, with Congress's Python. Arguments: a folder with ca.pem, another.pem and
own.pem, and the program that tries.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RABBITMQ = "/usr/lib/rabbitmq/bin"
PORT, PLAIN, PASSWORD = 5671, 5672, "CANARY: @/%'\"\\"
# Two virtual hosts know each other's queues as little as two brokers that are no cluster.
APART = """
import json, sys
import check_bus
request = json.load(sys.stdin)
host, port = request["brokers"][0]
elsewhere = {**request, "vhost": "/"}
with check_bus.connection(request, host, port) as one, check_bus.connection(elsewhere, host, port) as two:
    try:
        check_bus.one_queue(one, "reply_congress-ha-check", {"mq2:5671": two})
    except check_bus.UnfitError as error:
        print(error, file=sys.stderr)
"""


def main(folder: Path, program: str) -> None:
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{PLAIN}\nlisteners.ssl.1 = 127.0.0.1:{PORT}\n"
        f"ssl_options.cacertfile = {folder}/ca.pem\nssl_options.certfile = {folder}/own.pem\n"
        f"ssl_options.keyfile = {folder}/own.pem\nloopback_users = none\n"
    )
    environment = {
        **os.environ,
        "HOME": str(folder),
        "RABBITMQ_NODENAME": "trial@localhost",
        "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
        "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_PID_FILE": f"{folder}/pid",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
    }
    with (folder / "broker.log").open("wb") as log:
        broker = subprocess.Popen([f"{RABBITMQ}/rabbitmq-server"], env=environment, stdout=log, stderr=log)

    def control(*words: str, stdin: str = "") -> None:
        subprocess.run(
            [f"{RABBITMQ}/rabbitmqctl", "-q", "-n", "trial@localhost", *words],
            env=environment, input=stdin, text=True, check=True, capture_output=True,
        )  # fmt: skip

    request: dict[str, Any] = {
        "brokers": [["localhost", PORT]],
        "vhost": "con/gress",
        "user": "congress",
        "password": PASSWORD,
        "ca": f"{folder}/ca.pem",
    }

    def trial(*argv: str, **changes: Any) -> str:
        done = subprocess.run(
            [sys.executable, *(argv or (program,))],
            env={**environment, "PYTHONPATH": str(Path(program).parent)},
            input=json.dumps({**request, **changes}),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stderr.strip()

    try:
        while not (folder / "pid").exists():
            assert broker.poll() is None, (folder / "broker.log").read_text()
            time.sleep(0.2)
        control("wait", f"{folder}/pid", "--timeout", "200")
        control("add_vhost", "con/gress")
        control("add_user", "congress", stdin=f"{PASSWORD}\n")
        for vhost in ("con/gress", "/"):
            control("set_permissions", "-p", vhost, "congress", ".*", ".*", ".*")
        said = {
            "fit": trial(),
            "another name": trial(brokers=[["127.0.0.1", PORT]]),
            "another authority": trial(ca=f"{folder}/another.pem"),
            "without TLS": trial(brokers=[["localhost", PLAIN]]),
            "nobody": trial(brokers=[["localhost", PORT + 100]]),
            "wrong password": trial(password="wrong"),
            "missing vhost": trial(vhost="missing"),
            "apart": trial("-c", APART),
        }
        control("set_permissions", "-p", "con/gress", "congress", "^congress.*", ".*", ".*")
        said["own names alone"] = trial()
        control("set_permissions", "-p", "con/gress", "congress", ".*", ".*", ".*")
        left = subprocess.run(
            [f"{RABBITMQ}/rabbitmqctl", "-q", "-n", "trial@localhost", "list_queues", "-p", "con/gress", "name"],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        said["left"] = left.stdout
        print(json.dumps(said))
    finally:
        broker.terminate()
        broker.wait(60)
        subprocess.run(["epmd", "-kill"], env=environment, capture_output=True, check=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
