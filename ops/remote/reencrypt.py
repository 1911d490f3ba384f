"""Sent to a Congress host: encrypts the secrets of datasources in the database with the deployment's own key.

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
    """A datasource's config (JSON) with its secrets encrypted by the first key. Raises InvalidToken."""
    fields = json.loads(config)
    for field in (fields or {}).get(ENCRYPTED, []):
        fields[field] = keys.rotate(fields[field].encode()).decode()
    return json.dumps(fields)


def reencrypt(other: str | None, configuration: str = "/etc/congress/congress.conf") -> None:
    """Re-encrypt all datasources in one transaction.

    `other`: key of the deployment that made the dump, None if it is this one.
    """
    from congress import encryption  # noqa: PLC0415  on the host alone
    from congress.common import config  # noqa: PLC0415
    from congress.db import api  # noqa: PLC0415
    from congress.db.datasources import Datasource  # noqa: PLC0415

    config.init(["--config-file", configuration])
    own = encryption.read_key_from_file()
    keys = MultiFernet([Fernet(own), *([Fernet(other)] if other else [])])
    session = api.get_session()
    with session.begin():
        # Set by files/database/congress-lock: the id of the connection that holds the lock.
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
