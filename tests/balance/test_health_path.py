"""Requests for /health: HAProxy answers all of them itself, however the path is written."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

from tests.balance.conftest import Client
from tests.balance.support.haproxy import (
    Balanced,
)
from tests.balance.support.looping_engine import Looping, never_down
from tests.support.programs import congress_python, run

# The paths that an engine serves without a token, as api-paste.ini maps them.
MAPPED = """
import json, sys
from paste.urlmap import URLMap
urls = URLMap()
for name in ("/", "/v1", "/health"):
    urls[name] = lambda environ, _, name=name: print("open" if name == "/health" else "closed")
for path in json.load(sys.stdin):
    urls({"PATH_INFO": path, "SCRIPT_NAME": "", "HTTP_HOST": "congress", "wsgi.url_scheme": "http"}, None)
"""


def test_a_flood_of_health_reaches_no_engine(looping: Balanced[Looping]) -> None:
    client, over = Client(looping), threading.Event()
    asked: list[int] = []

    def flood() -> None:
        count = 0
        while not over.is_set():
            assert looping.get("/health") == "200 OK\n"
            count += 1
        asked.append(count)

    before = [engine.asked("/health") for engine in looping.engines]
    began = time.monotonic()
    client.start()
    with ThreadPoolExecutor(20) as pool:
        flooding = [pool.submit(flood) for _ in range(20)]
        time.sleep(5)
        over.set()
    for each in flooding:
        each.result()
    client.end()
    # The agent's own requests, two per second.
    most = 2 * (time.monotonic() - began) + 2
    for engine, already in zip(looping.engines, before, strict=True):
        assert engine.asked("/health") - already <= most
    assert sum(asked) > 10 * most
    assert never_down(looping, *looping.engines)


def test_no_other_way_to_write_health_reaches_an_engine(looping: Balanced[Looping]) -> None:
    """Congress's urlmap itself decides which of them an engine takes for its own /health."""
    ways = ["/health/", "//health", "/health/x", "/%2Fhealth%2f", "/%68ealth/", "/health?x=1"]
    others = ["/healthy", "/Health", "/v1/health", "/v1//health"]
    asked = json.dumps([unquote(way.partition("?")[0]) for way in (*ways, *others)])
    mapped = run(congress_python(), "-c", MAPPED, stdin=asked)
    assert mapped.stdout.split() == ["open"] * len(ways) + ["closed"] * len(others), mapped.stderr
    assert {looping.get(way) for way in ways} == {"200 OK\n"}
    engines = {engine.node_id for engine in looping.engines}
    assert {looping.get(other) for other in others} <= engines
