"""Starts a RabbitMQ with TLS and tries it in several ways; prints what each trial says, as JSON.

It runs in a network namespace of its own, with Congress's Python. Arguments: a folder with ca.pem, another.pem and
own.pem, and the program that tries.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from hashlib import sha256
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


def listens() -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", PORT)) == 0


def definitions() -> dict[str, Any]:
    """Two users: one that may do everything, and one that may configure Congress's own names alone."""
    salt = b"salt"
    hashed = base64.b64encode(salt + sha256(salt + PASSWORD.encode()).digest()).decode()
    users = {"congress": ".*", "narrow": "^congress.*"}
    return {
        "users": [
            {
                "name": name,
                "password_hash": hashed,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
            }
            for name in users
        ],
        "vhosts": [{"name": "con/gress"}, {"name": "/"}],
        "permissions": [
            {"user": name, "vhost": vhost, "configure": configure, "write": ".*", "read": ".*"}
            for name, configure in users.items()
            for vhost in ("con/gress", "/")
        ],
    }


def main(folder: Path, program: str) -> None:
    (folder / "definitions.json").write_text(json.dumps(definitions()))
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{PLAIN}\nlisteners.ssl.1 = 127.0.0.1:{PORT}\n"
        f"ssl_options.cacertfile = {folder}/ca.pem\nssl_options.certfile = {folder}/own.pem\n"
        f"ssl_options.keyfile = {folder}/own.pem\nload_definitions = {folder}/definitions.json\n"
    )
    environment = {
        **os.environ,
        "HOME": str(folder),
        "RABBITMQ_NODENAME": "trial@localhost",
        "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
        "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
    }
    with (folder / "broker.log").open("wb") as log:
        broker = subprocess.Popen([f"{RABBITMQ}/rabbitmq-server"], env=environment, stdout=log, stderr=log)

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
        while not listens():
            assert broker.poll() is None, (folder / "broker.log").read_text()
            time.sleep(0.2)
        said = {
            "fit": trial(),
            "another name": trial(brokers=[["127.0.0.1", PORT]]),
            "another authority": trial(ca=f"{folder}/another.pem"),
            "without TLS": trial(brokers=[["localhost", PLAIN]]),
            "nobody": trial(brokers=[["localhost", PORT + 100]]),
            "wrong password": trial(password="wrong"),
            "missing vhost": trial(vhost="missing"),
            "apart": trial("-c", APART),
            "own names alone": trial(user="narrow"),
        }
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
