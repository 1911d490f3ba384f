"""Becomes a command, with the words of $ARGS behind its own.

Quotes and backslashes make words as in a shell. Nothing else has a meaning: nothing in ARGS is run or expanded here.

usage: python -m scripts.with_args COMMAND [ARGUMENT...]
"""

from __future__ import annotations

import os
import shlex
import sys


def main(command: list[str]) -> None:
    text = os.environ.pop("ARGS", "")
    try:
        words = shlex.split(text)
    except ValueError as error:
        sys.exit(f"ARGS={text!r}: {str(error).lower()}; quotes make words of it as in a shell")
    os.execvp(command[0], [*command, *words])  # noqa: S606  that it needs none is the point


if __name__ == "__main__":
    main(sys.argv[1:])
