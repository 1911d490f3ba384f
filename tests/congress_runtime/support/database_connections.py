"""Prints the seconds of each attempt to connect to a database that does not answer, as JSON.

usage: database_connections.py upstream|ours
"""

import contextlib
import json
import socket
import sys
from typing import Any, Never

import pymysql
from congress_runtime.patches import database_connections

attempts: list[float] = []


def no_answer(_: tuple[str, int], timeout: float, **__: Any) -> Never:
    attempts.append(timeout)
    raise TimeoutError("timed out")


socket.create_connection = no_answer  # type: ignore[assignment]
if sys.argv[1] == "ours":
    database_connections.apply()
with contextlib.suppress(pymysql.OperationalError):
    pymysql.connect(host="10.0.0.9", user="congress", password="", connect_timeout=5)
print(json.dumps(attempts))
