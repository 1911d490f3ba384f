"""Migrates the database's schema while nobody else dumps, loads or migrates it (files/database/congress-lock).

Sent to a Congress host by standard input, and run there as user congress with Congress's own login; its argument is
Congress's configuration.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOCK = "congress-ha"
# For the lock.
SECONDS = 45


def main(configuration: str) -> int:
    from congress.common import config  # noqa: PLC0415  on the host alone
    from congress.db import api  # noqa: PLC0415

    config.init(["--config-file", configuration])
    manage = [f"{Path(sys.executable).parent}/congress-db-manage", "--config-file", configuration]
    # The lock is this connection's, and ends with it.
    with api.get_session().connection() as connection:
        holder = connection.exec_driver_sql("SELECT IS_USED_LOCK(%s)", (LOCK,)).scalar()
        given = os.environ.get("CONGRESS_LOCK")
        if given and str(holder) != given:
            sys.exit("the lock on the database was lost, so its schema is not migrated")
        if not given:
            got = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (LOCK, SECONDS)).scalar()
            if got != 1:
                sys.exit(
                    f"a backup or a restore works on the database (connection {holder}), still after {SECONDS} s: try"
                    " again when it is done; if nobody is at it any more: on the database's host,"
                    f" sudo mariadb -e 'KILL {holder}'"
                )
        return subprocess.run([*manage, "upgrade", "head"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
