"""Migrates the database's schema under the lock for dumps, loads and migrations (files/database/congress-lock).

It is sent to a Congress host on standard input, and runs there as user congress with Congress's own login. Its argument
is the path of Congress's configuration.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOCK = "congress-ha"
LOCK_TIMEOUT = 45  # seconds


def main(configuration: str) -> int:
    from congress.common import config  # noqa: PLC0415  installed only on Congress hosts
    from congress.db import api  # noqa: PLC0415

    config.init(["--config-file", configuration])
    manage = [f"{Path(sys.executable).parent}/congress-db-manage", "--config-file", configuration]
    # The lock belongs to this connection, and ends with it.
    with api.get_session().connection() as connection:
        holder = connection.exec_driver_sql("SELECT IS_USED_LOCK(%s)", (LOCK,)).scalar()
        given = os.environ.get("CONGRESS_LOCK")
        if given and str(holder) != given:
            sys.exit("the lock on the database was lost, so its schema is not migrated")
        if not given:
            got = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (LOCK, LOCK_TIMEOUT)).scalar()
            if got != 1:
                sys.exit(
                    f"a backup or a restore works on the database (connection {holder}), still after {LOCK_TIMEOUT} s:"
                    " try again when it is done; if it does not run any more: on the database's host,"
                    f" sudo mariadb -e 'KILL {holder}'"
                )
        return subprocess.run([*manage, "upgrade", "head"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
