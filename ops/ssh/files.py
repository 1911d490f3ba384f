"""What ssh needs of the stack's outputs: its settings, the hosts' keys, the deployer's key. The only writer of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.common.files import write_private
from ops.common.limits import Limits
from ops.stack.outputs import SSH_FILES

# Before the output's own lines, and so for every host. The bastion is connected to once for all of them.
OPTIONS = "BatchMode yes\nConnectTimeout {}\nControlPath control-%C\nLogLevel ERROR\n"


def write_ssh_files(outputs: Mapping[str, Any], folder: Path, limits: Limits | None = None) -> None:
    """0600 each. With `limits` for a command that nobody watches, else for a person at the terminal."""
    for name, output in SSH_FILES.items():
        options = OPTIONS.format(limits.connect) if limits and name == "ssh_config" else ""
        write_private(folder / name, options + outputs[output])
