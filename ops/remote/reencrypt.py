"""Sent to a Congress host: lets the deployment's own key read the secrets of datasources in the database.

Congress keeps a datasource's config as JSON; the fields named in `__encrypted_fields` are Fernet tokens
(congress/db/datasources.py, congress/encryption.py). Runs as user congress, with Congress's own login.
"""

from __future__ import annotations

import json
import os
import sys

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

ENCRYPTED = "__encrypted_fields"


def rotated(config: str, keys: MultiFernet) -> str:
    """A datasource's config with its secrets encrypted by the first of the keys. Raises InvalidToken."""
    known = json.loads(config)
    for field in (known or {}).get(ENCRYPTED, []):
        known[field] = keys.rotate(known[field].encode()).decode()
    return json.dumps(known)


def reencrypt(other: str | None, configuration: str = "/etc/congress/congress.conf") -> None:
    """All in one transaction; `other`: the key of the deployment that the dump is of, None for this one's own."""
    from congress import encryption  # noqa: PLC0415  on the host alone
    from congress.common import config  # noqa: PLC0415
    from congress.db import api  # noqa: PLC0415
    from congress.db.datasources import Datasource  # noqa: PLC0415

    config.init(["--config-file", configuration])
    own = encryption.read_key_from_file()
    keys = MultiFernet([Fernet(own), *([Fernet(other)] if other else [])])
    session = api.get_session()
    with session.begin():
        # files/database/congress-lock: the number of the connection that has it.
        if given := os.environ.get("CONGRESS_LOCK"):
            asked = session.connection().exec_driver_sql("SELECT IS_USED_LOCK('congress-ha')")
            if str(asked.scalar()) != given:
                sys.exit("the lock on the database was lost, so its secrets stay as they are")
        for datasource in session.query(Datasource):
            try:
                datasource.config = rotated(datasource.config, keys)
            except InvalidToken:
                sys.exit(
                    f"the secrets of datasource {datasource.name} are encrypted by neither the backup's key"
                    " nor the deployment's"
                )
