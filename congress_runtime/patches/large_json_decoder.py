"""Decode one large JSON text in parts. Python's own decoder processes what fits into a window in one step."""

from __future__ import annotations

import json
from json.decoder import WHITESPACE, scanstring  # type: ignore[attr-defined]
from typing import Any

from congress_runtime.patches.pauses import Pauses

WINDOW = 1 << 16  # characters, which take a millisecond
SPACE = " \t\n\r"


class NoJson(ValueError):  # noqa: N818  upstream then decodes the text and raises its own error
    ...


class Decoder:
    """Decodes one large text. Methods take a position in the text and return a value and the position after it.

    `hook`: called with each dictionary, as json's object_hook. `tuples`: lists within a large list (rows) become
    tuples. Python's garbage collector traverses lists again and again, which takes 40 ms without a pause for 100,000 of
    them; it does not traverse tuples of texts and numbers.
    """

    def __init__(self, text: str, hook: Any, pauses: Pauses, *, tuples: bool) -> None:
        self.text, self.hook, self.pauses, self.tuples = text, hook, pauses, tuples
        self.scan = json.JSONDecoder(object_hook=hook).scan_once  # type: ignore[attr-defined]
        self.begin, self.window = 0, text[:WINDOW]

    def whole(self) -> Any:
        value, at = self.value(self.space(0))
        if self.space(at) != len(self.text):
            raise NoJson
        return value

    def value(self, at: int) -> tuple[Any, int]:
        for new_window in (False, True):
            if new_window:
                self.pauses()
                self.begin, self.window = at, self.text[at : at + WINDOW]
            try:
                value, end = self.scan(self.window, at - self.begin)
            except (StopIteration, json.JSONDecodeError):
                continue
            if self.is_whole(end):
                return value, self.begin + end
        first = self.text[at : at + 1]
        if first not in self.LARGE_VALUES:
            raise NoJson
        return self.LARGE_VALUES[first](self, at + 1)

    def is_whole(self, end: int) -> bool:
        """Whether a value that ends here in the window is complete: 1 may be the start of 1.5."""
        window = self.window
        while end < len(window) and window[end] in SPACE:
            end += 1
        return window[end : end + 1] in {",", "]", "}"}

    def array(self, at: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        at, more = self.start(at, "]")
        alike = True
        while more:
            value, end = self.value(at)
            values.append(self.row(value))
            at, more = self.next(end, "]")
            if more and alike:
                elements, at = self.several(at, self.text[end - 1 : at + 1])
                alike = bool(elements)
                values += map(self.row, elements)
                at, more = self.next(at, "]") if elements else (at, more)
        return values, at

    def row(self, value: Any) -> Any:
        return tuple(value) if self.tuples and type(value) is list else value

    def several(self, at: int, between: str) -> tuple[list[Any], int]:
        """The elements up to the last separator `between` of a window; none if it does not separate two elements."""
        cut = self.text.rfind(between, at, at + WINDOW) + 1
        if cut <= at:
            return [], at
        texts = f"[{self.text[at:cut]}]"
        try:
            values, end = self.scan(texts, 0)
        except (StopIteration, json.JSONDecodeError):
            return [], at
        self.pauses()
        return (values, cut) if end == len(texts) else ([], at)

    def dictionary(self, at: int) -> tuple[Any, int]:
        values: dict[str, Any] = {}
        at, more = self.start(at, "}")
        while more:
            if self.text[at : at + 1] != '"':
                raise NoJson
            key, at = scanstring(self.text, at + 1)
            at = self.space(at)
            if self.text[at : at + 1] != ":":
                raise NoJson
            values[key], at = self.value(self.space(at + 1))
            at, more = self.next(at, "}")
        return self.hook(values) if self.hook else values, at

    def string(self, at: int) -> tuple[str, int]:
        parts: list[str] = []
        while (cut := self.escape(at)) > at:
            part, end = scanstring(self.text[at:cut] + '"', 0)
            parts.append(part)
            if end <= cut - at:
                return "".join(parts), at + end
            at = cut
            self.pauses()
        part, at = scanstring(self.text, at)
        return "".join([*parts, part]), at

    LARGE_VALUES = {"[": array, "{": dictionary, '"': string}  # noqa: RUF012

    def escape(self, at: int) -> int:
        r"""Position of the last \" of the window, `at` or less if there is none."""
        cut = self.text.rfind('\\"', at, at + WINDOW)
        while cut > at and self.text[cut - 1] == "\\":
            cut = self.text.rfind('\\"', at, cut)
        return cut

    def start(self, at: int, end: str) -> tuple[int, bool]:
        """Position of the first element, and whether there is one."""
        at = self.space(at)
        return (at + 1, False) if self.text[at : at + 1] == end else (at, True)

    def next(self, at: int, end: str) -> tuple[int, bool]:
        """Position of the next element, and whether there is one."""
        at = self.space(at)
        separator = self.text[at : at + 1]
        if separator not in {",", end} or not separator:
            raise NoJson
        return (self.space(at + 1), True) if separator == "," else (at + 1, False)

    def space(self, at: int) -> int:
        end: int = WHITESPACE.match(self.text, at).end()
        return end
