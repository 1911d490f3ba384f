"""Keeps the stack's secret outputs out of the debug log (`pulumi up --debug`).

When the SDK registers the outputs, it logs all of them, and the secret ones as plain text
(pulumi/runtime/resource.py, register_resource_outputs).
"""

from __future__ import annotations

import pulumi

PROPERTIES = ", props="

_debug = pulumi.log.debug


def _without_properties(
    msg: str,
    resource: pulumi.Resource | None = None,
    stream_id: int | None = None,
    ephemeral: bool | None = None,  # noqa: FBT001  the SDK's signature
) -> None:
    _debug(msg.partition(PROPERTIES)[0], resource, stream_id, ephemeral)


def keep_outputs_out() -> None:
    pulumi.log.debug = _without_properties
