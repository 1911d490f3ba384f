"""Encode and decode large JSON texts with pauses.

A table of 100,000 rows is 15 MB of JSON. Upstream each node that it passes encodes or decodes it in one step, and
twice, for oslo.messaging puts a text into a text: meanwhile an engine answers nobody, all engines at the same moment.

Here what fits into a window is still one step of Python's own encoder or decoder, and what does not is gone into. The
text is the same as upstream's, byte for byte, so nodes with this module and nodes without it understand each other
during an upgrade, and a table still is one message: it arrives whole or not at all. A text that is no JSON is left to
upstream in one step, for its error.
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

PART = 1 << 15  # bytes, of what is read at once in the midst of a large message or body
LARGE = 2 * large_json_decoder.WINDOW
AT_ONCE = 500  # elements of a list, about a window
FEW = 32  # in a dictionary or list that may hold a table
DEEP = 4  # dictionaries and lists around a table; of an answer, an argument, a difference


def decoding(loads: Callable[..., Any], hook: Any = None, *, tuples: bool = False) -> Callable[..., Any]:
    def with_pauses(text: Any, **kwargs: Any) -> Any:
        if isinstance(text, str) and len(text) > LARGE and not kwargs:
            try:
                with Pauses() as pauses:
                    return large_json_decoder.Decoder(text, hook, pauses, tuples=tuples).whole()
            # Of deeper nesting, too, which upstream's decoder bears.
            except (ValueError, RecursionError):
                pass
        return loads(text, **kwargs)

    return with_pauses


def pieces(value: Any, encode: Callable[[Any], str], deep: int = DEEP) -> Iterator[str]:
    """What `encode` makes of it, piece by piece."""
    if isinstance(value, str) and len(value) > LARGE:
        yield '"'
        for at in range(0, len(value), large_json_decoder.WINDOW):
            yield encode(value[at : at + large_json_decoder.WINDOW])[1:-1]
        yield '"'
    elif isinstance(value, list | tuple) and len(value) > AT_ONCE:
        for at in range(0, len(value), AT_ONCE):
            yield "[" if at == 0 else ", "
            yield encode(value[at : at + AT_ONCE])[1:-1]
        yield "]"
    elif deep and isinstance(value, list | tuple) and 0 < len(value) <= FEW:
        for number, one in enumerate(value):
            yield ", " if number else "["
            yield from pieces(one, encode, deep - 1)
        yield "]"
    elif deep and type(value) is dict and 0 < len(value) <= FEW and all(type(key) is str for key in value):
        for number, (key, one) in enumerate(value.items()):
            yield f"{', ' if number else '{'}{encode(key)}: "
            yield from pieces(one, encode, deep - 1)
        yield "}"
    else:
        yield encode(value)


def is_large(value: Any, deep: int = DEEP) -> bool:
    if isinstance(value, str):
        return len(value) > LARGE
    if isinstance(value, list | tuple):
        found = len(value) > AT_ONCE
        may_hold_one = bool(deep) and len(value) <= FEW
        return found or (may_hold_one and any(is_large(one, deep - 1) for one in value))
    may_hold_one = bool(deep) and type(value) is dict and len(value) <= FEW
    return may_hold_one and any(is_large(one, deep - 1) for one in value.values())


def encoding(dumps: Callable[..., str]) -> Callable[..., str]:
    def with_pauses(value: Any, **kwargs: Any) -> str:
        if not is_large(value):
            return dumps(value, **kwargs)
        if kwargs:
            encoder = json.JSONEncoder(default=jsonutils.to_primitive, **kwargs)
            return joined(encoder.iterencode(value), often=1000)
        return joined(pieces(value, dumps))

    return with_pauses


def joined(texts: Iterator[str], often: int = 1) -> str:
    found = []
    with Pauses() as pauses:
        while some := list(islice(texts, often)):
            found.append("".join(some))
            pauses()
    return "".join(found)


def reading(read: Callable[..., Any], size: Callable[[Any], int]) -> Callable[..., Any]:
    """As long as there is something to be read, upstream reads on."""

    def read_and_pause(self: Any, *args: Any) -> Any:
        found = read(self, *args)
        if size(found) >= PART and time.monotonic() - vars(self).get("paused", 0.0) > pauses.SLICE:
            sleep(0)
            self.paused = time.monotonic()
        return found

    return read_and_pause


def apply() -> None:
    _AbstractTransport.read_frame = reading(_AbstractTransport.read_frame, lambda frame: len(frame[2]))
    wsgi.Input.read = reading(wsgi.Input.read, len)
    dumps, loads = encoding(jsonutils.dumps), jsonutils.loads
    webservice.json = SimpleNamespace(dumps=dumps, loads=decoding(loads))
    common.jsonutils = SimpleNamespace(dumps=dumps, loads=decoding(loads, tuples=True))
    kombu.serialization.register(
        "json",
        encoding(kombu_json.dumps),
        decoding(kombu_json.loads, kombu_json.object_hook),
        content_type="application/json",
    )
    kombu.serialization.registry._set_default_serializer("json")  # noqa: SLF001  it keeps the encoder
