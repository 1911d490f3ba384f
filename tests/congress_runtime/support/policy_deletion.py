"""Deletes a policy while an insertion waits for the locks of all tables; prints how many attempts that took.

usage: policy_deletion.py SOCKET [upstream]: of a MariaDB with an empty database `congress`.
"""

import sys
import threading
import time
from typing import Any

import pymysql
from congress.db import api, datasources, db_policy_rules, model_base
from oslo_config import cfg
from oslo_db import options

TABLES = ("policies", "policy_rules", datasources.Datasource.__tablename__)
socket, *words = sys.argv[1:]
attempts: list[str] = []


def connected() -> Any:
    return pymysql.connect(unix_socket=socket, user="root", database="congress")


def insert() -> None:
    """As an insertion of a rule does."""
    with connected() as connection, connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLES {', '.join(f'{table} WRITE' for table in TABLES)}")
        cursor.execute("UNLOCK TABLES")


def waits() -> bool:
    with connected() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for % lock'"
        )
        return bool(cursor.fetchone()[0])


def read_while_one_inserts(policy_name: str, session: Any) -> Any:
    attempts.append(policy_name)
    if len(attempts) == 1:
        inserting.start()
        end = time.monotonic() + 20
        while not waits():
            assert time.monotonic() < end, "the insertion does not wait"
            time.sleep(0.05)
    return read(policy_name, session=session)


cfg.CONF([])
options.set_defaults(cfg.CONF, connection=f"mysql+pymysql://root@/congress?unix_socket={socket}")
model_base.BASE.metadata.create_all(api.get_engine())
db_policy_rules.add_policy("id", "rules", "rules", "", "user", "nonrecursive")
for number in range(3):
    db_policy_rules.add_policy_rule(f"id-{number}", "rules", f"p({number})", "")
inserting = threading.Thread(target=insert, daemon=True)
read = db_policy_rules.get_policy_rules
db_policy_rules.get_policy_rules = read_while_one_inserts
if not words:
    from congress_runtime.patches import policy_deletion

    policy_deletion.apply()
db_policy_rules.delete_policy("id")
inserting.join(20)
assert not inserting.is_alive()
db_policy_rules.get_policy_rules = read
assert (db_policy_rules.get_policies(), db_policy_rules.get_policy_rules()) == ([], [])
print(len(attempts))
