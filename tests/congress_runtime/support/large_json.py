"""Runs in Congress's virtual environment: large JSON texts, as its API and its bus encode and decode them.

usage: large_json.py ours|upstream: prints one JSON object.
"""

from __future__ import annotations

import gc
import io
import json
import random
import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
import kombu.serialization
from amqp.transport import TCPTransport
from congress.api import webservice
from congress_runtime.patches import large_json, large_json_decoder, pauses
from eventlet import wsgi
from kombu.utils import json as kombu_json
from oslo_messaging._drivers import common
from oslo_serialization import jsonutils

from tests.congress_runtime.support.engine_rows import row
from tests.congress_runtime.support.green_threads import turns_of_others

pauses.SLICE = -1.0  # pause at each read of the clock
MANY = 20_000
TEXTS = (
    "",
    "a",
    'a "quote"',
    "back\\slash\\",
    '\\"',
    "é",
    "\ud83d",
    "😀",
    "], [",
    "}, {",
    "\n\t\x00",
    "\\u0041",
)
ATOMS = (None, True, False, 0, -1, 12, 1.5, 1e300, float("inf"), 10**30, *TEXTS)


def read_body(body: bytes) -> None:
    """Read as webob does."""
    source = wsgi.Input(io.BytesIO(body), len(body), sock=None)
    while source.read(1 << 16):
        pass


def read_message(body: bytes) -> None:
    transport = object.__new__(TCPTransport)
    payloads = [body[at : at + (1 << 17)] for at in range(0, len(body), 1 << 17)]
    frames = [struct.pack(">BHI", 3, 1, len(payload)) + payload + b"\xce" for payload in payloads]
    stream = io.BytesIO(b"".join(frames))
    transport._read, transport._read_buffer = lambda count, _initial=False: stream.read(count), b""
    for payload in payloads:
        assert bytes(transport.read_frame()[2]) == payload


def paused() -> dict[str, int]:
    rows = [row(number) for number in range(MANY)]
    body = json.dumps([{"id": number, "details": {"value": "some" * 25}} for number in range(MANY)])
    published = {"method": "handle_publish_sequenced", "args": {"data": [rows, []], "seqnum": 1}}
    answer = {"result": [1, rows], "failure": None}
    listed = {"results": [{"data": one} for one in rows]}
    sent = common.serialize_msg(published)
    answered = common.serialize_msg(answer)["oslo.message"]
    on_the_bus = kombu.serialization.dumps(sent)
    tasks: dict[str, Callable[[], object]] = {
        "a body, read": partial(read_body, body.encode()),
        "a message, read": partial(read_message, body.encode()),
        "a body": partial(webservice.json.loads, body),
        "an answer of the API": partial(webservice.json.dumps, listed, indent=2),
        "a difference, sent": partial(common.serialize_msg, published),
        "an answer, sent": partial(common.serialize_msg, answer),
        "a message, sent": partial(kombu.serialization.dumps, sent),
        "a message, got": partial(kombu.serialization.loads, on_the_bus[2], *on_the_bus[:2]),
        "a difference, got": partial(common.deserialize_msg, sent),
        "an answer, got": partial(common.jsonutils.loads, answered),
    }
    return {what: turns_of_others(task)[1] for what, task in tasks.items()}


def collected() -> bool:
    """Whether the garbage collector still traverses the rows of a message after its first collection."""
    rows = [row(number) for number in range(MANY)]
    message = common.deserialize_msg(common.serialize_msg({"args": {"data": rows}}))
    gc.collect()
    got = message["args"]["data"]
    assert list(map(tuple, got)) == rows
    return any(map(gc.is_tracked, got))


class Counted(str):
    """A text that counts how often a part of it is read."""

    __slots__ = ()
    reads = 0

    def __getitem__(self, part: Any) -> str:
        Counted.reads += 1
        return super().__getitem__(part)


def reads_of_blanks() -> int:
    assert large_json.decoding(json.loads)(Counted(f"[{' ' * 1_000_000}1]")) == [1]
    return Counted.reads


def nested() -> bool:
    """Whether deep nesting is decoded as by upstream, whose decoder supports deeper nesting than one in Python."""
    text = "[" * 900 + '"' + "x" * large_json.LARGE + '"' + "]" * 900
    return outcome(partial(large_json.decoding(json.loads), text)) == outcome(partial(json.loads, text))


def value(chance: random.Random, deep: int) -> Any:
    kind = chance.random()
    if deep == 0 or kind < 0.2:
        text = "".join(chance.choice(TEXTS) for _ in range(chance.randrange(12)))
        return text if kind < 0.1 else chance.choice(ATOMS)
    values = [value(chance, deep - 1) for _ in range(chance.randrange(7))]
    if kind < 0.6:
        return values if kind < 0.5 else tuple(values)
    keys = (chance.choice((*TEXTS, 1, None, True)) for _ in values)
    return dict(zip(keys, values, strict=True))


def outcome(task: Callable[[], object]) -> tuple[str, Any]:
    """The value that the task returns, or its error."""
    try:
        return "value", repr(task())
    except Exception as error:  # noqa: BLE001
        return type(error).__name__, str(error)


def differences(seed: int) -> tuple[int, int]:
    """Compare random values and texts, valid and invalid, in small windows: (number that differ, number invalid)."""
    chance, wrong, bad = random.Random(seed), 0, 0  # noqa: S311
    large_json_decoder.WINDOW, large_json.LARGE = chance.choice((3, 7, 20)), 2
    large_json.CHUNK, large_json.MAX_KEYS = chance.choice(((1, 1), (3, 3), (2, 9)))
    for _ in range(100):
        one = value(chance, 5)
        for upstream, hook in ((jsonutils, None), (kombu_json, kombu_json.object_hook)):
            dumps, loads = (
                large_json.encoding(upstream.dumps),
                large_json.decoding(upstream.loads, hook),
            )
            wrong += outcome(partial(dumps, one)) != outcome(partial(upstream.dumps, one))
            text = json.dumps(one, ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, 1)))
            if chance.random() < 0.5:
                at = chance.randrange(len(text))
                text = (
                    text[:at] + chance.choice(("", ",", "]", '"', "}", "\\", "x", ".5", "1")) + text[at + 1 :]
                )
            expected = outcome(partial(upstream.loads, text))
            bad += expected[0] != "value"
            wrong += outcome(partial(loads, text)) != expected
        wrong += large_json.encoding(jsonutils.dumps)(one, indent=2) != jsonutils.dumps(one, indent=2)
    return wrong, bad


def main(which: str) -> None:
    if which == "ours":
        large_json.apply()
    seen: dict[str, Any] = {"pauses": paused(), "collected": collected()}
    if which == "ours":
        seen |= {"reads of blanks": reads_of_blanks(), "nested": nested()}
        wrong, bad = map(sum, zip(*map(differences, range(20)), strict=True))
        seen |= {"differ from upstream": wrong, "bad": bad}
    print(json.dumps(seen))


main(*sys.argv[1:])
