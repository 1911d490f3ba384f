"""Output of commands on the deployer's terminal, recorded for a search."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.support.deployment import ROOT
from tests.acceptance.support.searcher import Search

# The most verbose output of Pulumi and its plugins that is shown.
VERBOSE = ("--debug", "-v=4", "--logtostderr", "--logflow")


@dataclass
class Console:
    """`folder` (private) has the recorded output, and the temporary files of the commands."""

    folder: Path
    shown: dict[str, bytes] = field(default_factory=dict)

    @property
    def temporary(self) -> Path:
        folder = self.folder / "temporary"
        folder.mkdir(exist_ok=True)
        return folder

    def run(self, name: str, command: Sequence[object], *, fails: bool = False, timeout: float = 900) -> str:
        """Run a command that must succeed, or fail; return both streams."""
        done = subprocess.run(
            [*map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(self.temporary)},
            timeout=timeout,
            cwd=ROOT,
            check=False,
        )
        log = self.folder / f"{len(self.shown)}.txt"
        log.touch(mode=0o600)
        log.write_bytes(done.stdout)
        self.shown[f"{name} ({log})"] = done.stdout
        # The message does not contain the text, which may show a secret.
        assert bool(done.returncode) is fails, f"{name} ended with {done.returncode}: {log}"
        return done.stdout.decode(errors="replace")

    def leaks(self, search: Search) -> list[str]:
        """The secrets that the output shows."""
        return [
            f"{name}: {secret} ({form})"
            for name, text in self.shown.items()
            for secret, form in sorted(search.within(text))
        ]
