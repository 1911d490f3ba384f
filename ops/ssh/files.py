"""Writes the files that ssh reads: configuration, host keys and the deployer's key, all from the stack's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ops.common.files import write_private
from ops.common.limits import Limits
from ops.stack.outputs import SSH_FILES

# Written before the lines of the output ssh_config, so they apply to every host. All hosts share one connection to
# the bastion.
OPTIONS = "BatchMode yes\nConnectTimeout {}\nControlPath control-%C\nLogLevel ERROR\n"


def write_ssh_files(outputs: Mapping[str, Any], folder: Path, limits: Limits | None = None) -> None:
    """Write the files with mode 0600. `limits`: for unattended commands; without it, for an interactive shell."""
    for name, output in SSH_FILES.items():
        options = OPTIONS.format(limits.connect) if limits and name == "ssh_config" else ""
        write_private(folder / name, options + outputs[output])
