"""YAML documents that keep the line of each value. All problems of a document are found at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Where = tuple[str | int, ...]
TEXT = "tag:yaml.org,2002:str"
# Limit for a file. A file of the largest size has fewer values, unless it uses aliases.
MOST_VALUES = 1_000_000
COLLECTIONS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}


@dataclass(frozen=True, order=True)
class Problem:
    """`file`: the path as the user gave it. `text`: what is wrong, and the way out."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return printable(f"{self.file}:{self.line}: {self.text}")


def printable(text: str) -> str:
    """The text as one line that every terminal and Pulumi can show, whatever characters a file or its name has."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class TooManyError(Exception):
    """Aliases of aliases expand a few lines to more values than a machine can hold."""


class Document:
    """`data` of a file, and the line of each of its keys and list items.

    A file with `problems` has no usable data.
    """

    def __init__(self, text: str) -> None:
        self.data: Any = None
        self.lines: dict[Where, int] = {}
        self.problems: list[tuple[int, str]] = []
        self.values = 0
        try:
            self.loader = yaml.SafeLoader(text)
            node = self.loader.get_single_node()
            if node is not None:
                self.data = self.build(node, (), ())
        except yaml.reader.ReaderError as error:
            at = text.count("\n", 0, error.position) + 1
            self.problems.append((at, "a character that YAML does not allow: remove it"))
        except yaml.MarkedYAMLError as error:
            self.problems.append((line_of(error), f"no valid YAML: {reason(error)}"))
        except TooManyError:
            self.problems = [
                (1, f"its aliases make more than {MOST_VALUES:,} values: write out what is needed")
            ]
        except RecursionError:
            self.problems.append(
                (1, "lists or keys are nested too deep: fewer levels are enough for each kind of file")
            )

    def line(self, where: Where) -> int:
        """Line of a value, or of the nearest thing around it that the file has."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def build(self, node: yaml.Node, where: Where, around: tuple[yaml.Node, ...]) -> Any:
        self.values += 1
        if self.values > MOST_VALUES:
            raise TooManyError
        if node in around:
            self.wrong(node, "an alias refers to the value that it is a part of: write the value out")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if node.tag not in COLLECTIONS:
            self.wrong(node, f"the tag {node.tag} is not supported: remove it")
        if isinstance(node, yaml.MappingNode):
            items: dict[str, Any] = {}
            for key, value in self.pairs(node):
                self.lines[*where, key.value] = key.start_mark.line + 1
                items[key.value] = self.build(value, (*where, key.value), (*around, node))
            return items
        for position, item in enumerate(node.value):
            self.lines[*where, position] = item.start_mark.line + 1
        return [self.build(item, (*where, i), (*around, node)) for i, item in enumerate(node.value)]

    def pairs(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        seen: set[str] = set()
        for key, value in node.value:
            if key.tag != TEXT or not isinstance(key, yaml.ScalarNode):
                self.wrong(key, "a key has to be text: put it between quotes")
            elif key.value in seen:
                self.wrong(key, f"the key {key.value} is here twice: remove one of them")
            else:
                seen.add(key.value)
                yield key, value

    def scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.loader.construct_object(node)
        except yaml.MarkedYAMLError:
            self.wrong(node, f"the tag {node.tag} is not supported: remove it")
        except (ValueError, KeyError):  # such as 0b_, which the resolver takes for a number
            self.wrong(node, "looks like a number or a date and is none: put it between quotes")
        return None

    def wrong(self, node: yaml.Node, text: str) -> None:
        self.problems.append((node.start_mark.line + 1, text))


def line_of(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def reason(error: yaml.MarkedYAMLError) -> str:
    if error.context == "expected a single document in the stream":
        return "the file has several documents: put each into a file of its own"
    words = [str(part) for part in (error.context, error.problem) if part]
    return ", ".join(words) or "the file cannot be read"
