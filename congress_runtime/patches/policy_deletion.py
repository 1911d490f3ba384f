"""Let the deletion of a policy wait for insertions of rules, instead of failing beside them.

Upstream's deletion reads `policies`, changes `policy_rules` rule by rule, and then changes `policies`. An insertion
that locks all tables meanwhile waits for the deletion, and the deletion's last change waits for the insertion: MariaDB
ends the deletion as a deadlock. Upstream repeats it ten times, so beside a client that goes on inserting, a policy with
hundreds of rules cannot be deleted. Here, the deletion begins with a lock on its policy for writing.
"""

from inspect import unwrap
from typing import Any

from congress.db import api, db_policy_rules
from congress.db.db_policy_rules import Policy
from congress.db.utils import retry_on_db_error


def apply() -> None:
    # Without its own repetition, which cannot repeat a part of a transaction.
    delete = unwrap(db_policy_rules.delete_policy)

    @retry_on_db_error  # type: ignore[untyped-decorator]
    def lock_then_delete(id_: str, session: Any = None) -> Any:
        session = session or api.get_session()
        with session.begin(subtransactions=True):
            session.query(Policy.id).filter(Policy.id == id_).with_for_update().all()
            return delete(id_, session=session)

    db_policy_rules.delete_policy = lock_then_delete
