"""Switches off the debug messages of Pulumi's SDK.

For each message the program waits for a call to the engine, which drops it without `--debug`: about five messages a
resource. One of the messages has all outputs of the stack, and the secret ones as plain text
(pulumi/runtime/resource.py, register_resource_outputs). The debug messages of the engine and of the plugins stay.
"""

from __future__ import annotations

import pulumi


def _drop(
    msg: str,
    resource: pulumi.Resource | None = None,
    stream_id: int | None = None,
    ephemeral: bool | None = None,  # noqa: FBT001  the SDK's signature
) -> None:
    """Takes the place of pulumi.log.debug."""


def switch_off() -> None:
    pulumi.log.debug = _drop
