"""Reads one request as JSON from standard input, and does it; one line of text on failure, and exit code 1.

usage: python -m policy_code.on_host CONFIGURATION RECORD

`do` is apply (`stack`, `engines`, `declaration`, `attempt`, `first`, `begun`, `secrets`: as components/policies.py
writes them), adopt (`stack`, `name`) or drift (`stack`). Three print JSON: verify (`stack`, `declaration`: the
differences), read (the same, and `secrets`: what is there, and fingerprints of the secrets), rows (`tables`: their
rows).
RECORD is the file with the declaration that was applied last; the step writes it afterwards.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common import config
from congress_runtime import patches
from congress_runtime.bus import BusError, connection
from oslo_config import cfg
from oslo_db.exception import DBError

CONNECT = 10.0  # seconds


def main(configuration: str, file: str) -> str:
    config.init(["--config-file", configuration])
    patches.apply(patches.BUS)
    # Only now: these read the configuration when they are imported.
    from policy_code.on_host import apply, live  # noqa: PLC0415
    from policy_code.on_host.bus import Bus, Caller, CallError, first_line  # noqa: PLC0415
    from policy_code.on_host.differences import differences  # noqa: PLC0415
    from policy_code.on_host.rows import rows  # noqa: PLC0415

    request: dict[str, Any] = json.load(sys.stdin)
    try:
        if request["do"] == "adopt":
            return live.adopt(request["name"], request["stack"])
        if request["do"] == "verify":
            applied = request["declaration"]
            return json.dumps(differences(live.read(request["stack"], applied), applied))
        if request["do"] == "read":
            there = live.read(request["stack"], request["declaration"]).declared
            return json.dumps({**there, "fingerprints": live.fingerprints(request.get("secrets", {}))})
        applied = recorded(Path(file))
        if request["do"] == "drift":
            return "\n".join(apply.drift(live, request["stack"], applied))
        # Without a bus, each call would only run into its limit.
        with connection(cfg.CONF, CONNECT):
            pass
        if request["do"] == "rows":
            return json.dumps(rows(Caller(cfg.CONF), live.datasource_names(), request["tables"]))
        bus = Bus(cfg.CONF, request["engines"], cfg.CONF.dse.long_timeout)
        known = [applied] if isinstance(applied, dict) else []
        state = live.read(request["stack"], *known, *request["begun"], request["declaration"])
        actions = apply.apply(bus, state, request, applied)
    except (BusError, CallError, LookupError, apply.RefusedError) as error:
        raise SystemExit(f"{error}") from None
    except DBError as error:
        raise SystemExit(
            f"Congress's database does not answer as it should: {first_line(str(error))}"
        ) from None
    return "\n".join(map(str, actions)) or "nothing to do"


def recorded(file: Path) -> Any:
    """What was applied last, None if this host does not know. Raises LookupError."""
    try:
        return json.loads(file.read_text()) if file.exists() else None
    except (OSError, ValueError) as error:
        way_out = (
            "congress-ha policy overwrite makes a new one, and the next `up` makes everything as declared"
        )
        raise LookupError(f"the record {file} cannot be read ({error}): {way_out}") from None


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
    sys.stdout.flush()
    # A normal exit would wait up to 10 s for the thread of oslo.messaging's metrics.
    os._exit(0)
