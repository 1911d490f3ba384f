"""What commands show on the deployer's terminal, kept to be searched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.support.deployment import ROOT
from tests.acceptance.support.searcher import Search

# All that Pulumi and its plugins tell about themselves and that is shown.
VERBOSE = ("--debug", "-v=4", "--logtostderr", "--logflow")


@dataclass
class Console:
    """`folder` (private) keeps what was shown, and is where the commands put their temporary files."""

    folder: Path
    shown: dict[str, bytes] = field(default_factory=dict)

    @property
    def temporary(self) -> Path:
        folder = self.folder / "temporary"
        folder.mkdir(exist_ok=True)
        return folder

    def run(self, name: str, command: Sequence[object], *, fails: bool = False, timeout: float = 900) -> str:
        """Both streams of a command that has to succeed, or to fail."""
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
        kept = self.folder / f"{len(self.shown)}.txt"
        kept.touch(mode=0o600)
        kept.write_bytes(done.stdout)
        self.shown[f"{name} ({kept})"] = done.stdout
        # Not the text itself: it may show what is looked for.
        assert bool(done.returncode) is fails, f"{name} ended with {done.returncode}: {kept}"
        return done.stdout.decode(errors="replace")

    def leaks(self, search: Search) -> list[str]:
        """What was shown of the secrets."""
        return [
            f"{name}: {secret} ({form})"
            for name, text in self.shown.items()
            for secret, form in sorted(search.within(text))
        ]
