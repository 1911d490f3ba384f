"""Run a command with the words of $ARGS appended to its own.

Quotes and backslashes group words as in a shell. Nothing in ARGS is run or expanded.

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
        sys.exit(f"ARGS={text!r}: {str(error).lower()}; quote words as in a shell")
    os.execvp(command[0], [*command, *words])  # noqa: S606  no shell may read the words


if __name__ == "__main__":
    main(sys.argv[1:])
