"""Encode and decode large JSON texts with pauses.

A table of 100,000 rows is 15 MB of JSON. Upstream encodes or decodes it in one step on each node, and twice, because
oslo.messaging encodes a JSON text within a JSON text. Meanwhile, an engine answers nobody, and this happens on all
engines at the same moment.

Here, Python's own encoder or decoder still processes in one step what fits into a window; larger values are processed
in parts. The text equals upstream's, byte for byte, so nodes with and without this module understand each other during
an upgrade. A table is still one message, which arrives completely or not at all. Upstream decodes invalid JSON in one
step and raises its own error.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import kombu.serialization
from amqp.transport import _AbstractTransport
from congress.api import webservice
from congress_runtime.patches import large_json_decoder, pauses
from congress_runtime.patches.pauses import Pauses
from eventlet import sleep, wsgi
from kombu.utils import json as kombu_json
from oslo_messaging._drivers import common
from oslo_serialization import jsonutils

READ_SIZE = 1 << 15  # bytes; a read returns at least this much in the middle of a large message or body
LARGE = 2 * large_json_decoder.WINDOW
CHUNK = 500  # elements of a list that are encoded in one step, about a window
MAX_KEYS = 32  # elements of a dictionary or list that may contain a table
MAX_DEPTH = 4  # dictionaries and lists around a table: of an answer, an argument, a difference


def decoding(loads: Callable[..., Any], hook: Any = None, *, tuples: bool = False) -> Callable[..., Any]:
    def with_pauses(text: Any, **kwargs: Any) -> Any:
        if isinstance(text, str) and len(text) > LARGE and not kwargs:
            try:
                with Pauses() as pauses:
                    return large_json_decoder.Decoder(text, hook, pauses, tuples=tuples).whole()
            # RecursionError: nesting that is too deep for our decoder, but not for upstream's.
            except (ValueError, RecursionError):
                pass
        return loads(text, **kwargs)

    return with_pauses


def encoded_parts(value: Any, encode: Callable[[Any], str], depth: int = MAX_DEPTH) -> Iterator[str]:
    """Yield the text `encode(value)` in parts."""
    if isinstance(value, str) and len(value) > LARGE:
        yield '"'
        for start in range(0, len(value), large_json_decoder.WINDOW):
            yield encode(value[start : start + large_json_decoder.WINDOW])[1:-1]
        yield '"'
    elif isinstance(value, list | tuple) and len(value) > CHUNK:
        for start in range(0, len(value), CHUNK):
            yield "[" if start == 0 else ", "
            yield encode(value[start : start + CHUNK])[1:-1]
        yield "]"
    elif depth and isinstance(value, list | tuple) and 0 < len(value) <= MAX_KEYS:
        for number, item in enumerate(value):
            yield ", " if number else "["
            yield from encoded_parts(item, encode, depth - 1)
        yield "]"
    elif (
        depth
        and type(value) is dict
        and 0 < len(value) <= MAX_KEYS
        and all(type(key) is str for key in value)
    ):
        for number, (key, item) in enumerate(value.items()):
            yield f"{', ' if number else '{'}{encode(key)}: "
            yield from encoded_parts(item, encode, depth - 1)
        yield "}"
    else:
        yield encode(value)


def is_large(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether the value, or one that it contains at most `depth` levels down, is large."""
    if isinstance(value, str):
        return len(value) > LARGE
    if isinstance(value, list | tuple):
        may_contain_large = bool(depth) and len(value) <= MAX_KEYS
        return len(value) > CHUNK or (may_contain_large and any(is_large(item, depth - 1) for item in value))
    may_contain_large = bool(depth) and type(value) is dict and len(value) <= MAX_KEYS
    return may_contain_large and any(is_large(item, depth - 1) for item in value.values())


def encoding(dumps: Callable[..., str]) -> Callable[..., str]:
    def with_pauses(value: Any, **kwargs: Any) -> str:
        if not is_large(value):
            return dumps(value, **kwargs)
        if kwargs:
            encoder = json.JSONEncoder(default=jsonutils.to_primitive, **kwargs)
            return join(encoder.iterencode(value), texts_per_step=1000)
        return join(encoded_parts(value, dumps))

    return with_pauses


def join(texts: Iterator[str], texts_per_step: int = 1) -> str:
    parts = []
    with Pauses() as pauses:
        while step := list(islice(texts, texts_per_step)):
            parts.append("".join(step))
            pauses()
    return "".join(parts)


def read_with_pauses(read: Callable[..., Any], size: Callable[[Any], int]) -> Callable[..., Any]:
    """`read` with pauses; upstream reads without a pause as long as data is available."""

    def read_and_pause(self: Any, *args: Any) -> Any:
        data = read(self, *args)
        if size(data) >= READ_SIZE and time.monotonic() - vars(self).get("paused", 0.0) > pauses.SLICE:
            sleep(0)
            self.paused = time.monotonic()
        return data

    return read_and_pause


def apply() -> None:
    _AbstractTransport.read_frame = read_with_pauses(
        _AbstractTransport.read_frame, lambda frame: len(frame[2])
    )
    wsgi.Input.read = read_with_pauses(wsgi.Input.read, len)
    dumps, loads = encoding(jsonutils.dumps), jsonutils.loads
    webservice.json = SimpleNamespace(dumps=dumps, loads=decoding(loads))
    common.jsonutils = SimpleNamespace(dumps=dumps, loads=decoding(loads, tuples=True))
    kombu.serialization.register(
        "json",
        encoding(kombu_json.dumps),
        decoding(kombu_json.loads, kombu_json.object_hook),
        content_type="application/json",
    )
    kombu.serialization.registry._set_default_serializer("json")  # noqa: SLF001  the registry keeps the encoder
