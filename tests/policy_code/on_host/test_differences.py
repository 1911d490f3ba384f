"""How what was applied differs from what Congress has: after changes by hand, and after a restored database."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.policy_code.folders import NOVA, policy
from tests.policy_code.on_host.engine_host import ACTIVE, NAMED, Host, declared

pytestmark = pytest.mark.timeout(300)


def test_what_differs_is_named_by_policy_rule_and_key(host: Host) -> None:
    applied = host.declare(
        datasources__nova=NOVA,
        active=policy("Active", "kept('a')"),
        named=NAMED,
        other=policy("Other", "r(1)"),
    )
    host.apply(applied, None)
    host.steps.append({"verify": applied})

    def by_hand(method: str, **words: Any) -> None:
        host.steps.append({"engine": [method, words]})

    by_hand("persistent_insert_rule", policy_name="Named", str_rule="p(7)", rule_name="seven", comment="")
    by_hand("persistent_insert_rule", policy_name="Named", str_rule="p(8)", rule_name="", comment="")
    by_hand("persistent_delete_policy", name_or_id="Other")
    # Congress cannot change a policy in place. Whoever changes one deletes and creates it again, without the mark.
    by_hand("persistent_delete_policy", name_or_id="Active")
    theirs = {"name": "ACTIVE", "description": "mine", "rules": [{"rule": "kept('b')"}]}
    by_hand("persistent_create_policy_with_rules", policy_rules_obj=theirs)
    by_hand("persistent_create_policy", name="Extra", desc="x [congress-ha: congress-test]")
    changed = json.loads(json.dumps(applied))
    config = changed["datasources"]["nova"]["config"]
    config["username"], config["password"]["is"], config["poll_time"] = "another", "another", 60
    del config["project_name"]
    changed["policies"]["Named"]["rules"][":second"]["rule"] = "q(x) :- p(x), gt(x, 0)"
    host.steps.append({"verify": changed})
    _, nothing, *_, seen = host.run()
    assert nothing["result"] == []
    again, adopt = "deletes it and creates it again", "congress-ha policy adopt ACTIVE, then make repair"
    assert {one["what"]: (one["remedy"], one["by_hand"]) for one in seen["result"]} == {
        "policy Active is not the stack's any more: the policy ACTIVE has no mark of a stack": (adopt, True),
        "datasource nova: config.username was changed": (again, False),
        "datasource nova: config.password is not the secret congress-password any more": (again, False),
        "datasource nova: config.poll_time is gone": (again, False),
        "datasource nova: config.project_name was added": (again, False),
        "rule second of policy Named is now q(x) :- p(x)": ("restores it", False),
        "rule seven was added to policy Named: p(7)": ("deletes it", False),
        "rule was added to policy Named: p(8)": ("deletes it", False),
        "policy Other is gone": ("creates it again", False),
        "policy Extra has the stack's mark, but the last `up` did not declare it": (
            "declare it in a file; or, to delete it: congress-ha policy overwrite, then make repair",
            True,
        ),
    }


def test_a_restored_database_says_whose_everything_is(host: Host) -> None:
    """An older dump of this stack, with a policy of another one, is loaded over the newest state."""
    theirs = {"name": "Theirs", "description": "x [congress-ha: congress-prod]", "rules": [{"rule": "t(1)"}]}
    old = host.declare(datasources__nova=NOVA, active=ACTIVE, named=NAMED)
    new = host.declare(
        {"congress-password": "CANARY-2"},
        datasources__nova=NOVA,
        active=policy("Active", "active(x) :- nova:servers(id=x, status='ACTIVE')"),
        later=policy("Later", "l(1)"),
    )
    host.steps.append({"engine": ["persistent_create_policy_with_rules", {"policy_rules_obj": theirs}]})
    host.apply(old, None)
    host.run()
    database = host.folder / "congress.sqlite"
    dump = database.read_bytes()
    host.steps = [{"engine": ["persistent_delete_policy", {"name_or_id": "Theirs"}]}]
    host.apply(new, old, {"congress-password": "CANARY-2"})
    host.run()
    database.write_bytes(dump)

    host.steps = [{"verify": new}]
    host.apply(host.declare(later=policy("Later", "l(2)")), new)
    host.apply(new, None, {"congress-password": "CANARY-2"})  # make repair
    host.apply(new, "overwrite", {"congress-password": "CANARY-2"})  # make repair after policy overwrite
    host.steps.append({"verify": new})
    differs, refused, careful, repaired, nothing = host.run()
    assert {one["what"]: one["by_hand"] for one in differs["result"]} == {
        "datasource nova: config.password is not the secret congress-password any more": False,
        "rule active(x) :- nova:servers(id=x, status='ACTIVE') of policy Active is gone": False,
        "rule was added to policy Active: kept('a')": False,
        "rule was added to policy Active: active(x) :- nova:servers(id=x)": False,
        "policy Later is gone": False,
        "policy Named has the stack's mark, but the last `up` did not declare it": True,
    }
    assert refused["result"].startswith("RefusedError: nothing was changed: somebody changed")
    assert careful["result"].startswith("RefusedError: nothing was changed: somebody changed")
    assert declared(careful["ours"]) == declared(old)
    assert ["policy", "Theirs", "congress-prod"] in careful["others"]
    assert nothing["result"] == []
    assert declared(repaired["ours"]) == declared(new)
    assert ["policy", "Theirs", "congress-prod"] in repaired["others"]
