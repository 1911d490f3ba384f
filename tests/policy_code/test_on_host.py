"""What a policy engine's host does with a declaration: a whole Congress in one process, over its bus (applied.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from components.foundation.template import ROOT
from policy_code.declaration import declaration
from policy_code.folder import read
from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.policy_code.folders import NOVA, policy, write
from tests.support.programs import congress_python, run

SECRETS = {"congress-password": "CANARY-1"}
EMPTY: dict[str, Any] = {"datasources": {}, "policies": {}}
EVENT = (
    "time",
    "type",
    "hostname",
    "status",
    "monitor",
    "monitor_event_id",
)  # columns of doctor's table events
ACTIVE = policy("Active", "active(x) :- nova:servers(id=x)", "kept('a')")
NAMED = "name: Named\nrules:\n- {name: first, rule: p(1)}\n- {name: second, rule: 'q(x) :- p(x)'}\n"


class Host:
    """`key`: of the deployment. Steps are collected, and run in one process, because Congress starts slowly."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key = folder, Fernet.generate_key().decode()
        self.steps: list[dict[str, Any]] = []
        (folder / "aes_key").write_text(self.key)

    def declare(self, secrets: dict[str, str] = SECRETS, **files: str) -> dict[str, Any]:
        folder = read(write(self.folder / f"folder-{len([*self.folder.iterdir()])}", **files))
        assert folder.problems == []
        return json.loads(json.dumps(declaration(folder, secrets, self.key)))  # type: ignore[no-any-return]

    def apply(
        self, new: dict[str, Any], record: dict[str, Any] | str | None, secrets: dict[str, str] = SECRETS
    ) -> None:
        self.steps.append({"apply": new, "record": record, "secrets": secrets})

    def run(self) -> list[dict[str, Any]]:
        done = run(
            congress_python(),
            "-m",
            "tests.policy_code.applied",
            self.folder,
            stdin=json.dumps(self.steps),
            env=ENVIRONMENT,
            cwd=ROOT,
            deadline=280,
        )
        assert done.returncode == 0, done.stderr
        results: list[dict[str, Any]] = json.loads(done.stdout)
        assert len(results) == len(self.steps)
        return results


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def declared(one: dict[str, Any]) -> dict[str, Any]:
    """What can be compared with what is there: without protection and names of secrets, rules in any order."""
    same: dict[str, Any] = json.loads(json.dumps(one))
    for list_ in same.values():
        for thing in list_.values():
            thing.pop("protect", None)
            thing.pop("place")
            for value in thing.get("config", {}).values():
                if isinstance(value, dict):
                    value.pop("secret")
            for rule in thing.get("rules", {}).values():
                rule["name"] = rule["name"] or None
    return same


pytestmark = pytest.mark.timeout(300)


def test_what_is_declared_is_made_changed_and_removed(host: Host) -> None:
    first = host.declare(datasources__nova=NOVA, active=ACTIVE, named=NAMED)
    second = host.declare(
        {"congress-password": "CANARY-2"},
        datasources__nova=NOVA.replace("project_name: service", "project_name: service\n  poll_time: 60"),
        active=policy("Active", "active(x) :- nova:servers(id=x, status='ACTIVE')", "kept('a')"),
        named=NAMED.replace("q(x) :- p(x)", "q(x) :- p(x), gt(x, 0)"),
        other="kind: action\ndescription: What it is for\nabbreviation: oth\n"
        + policy("Other", '"result(x) :- Active:kept(x)"'),
    )
    host.apply(first, None)
    host.apply(first, first)
    host.apply(second, first, {"congress-password": "CANARY-2"})
    host.apply(EMPTY, second)
    made, again, changed, removed = host.run()
    assert made["result"] == ["create datasource nova", "create policy Active", "create policy Named"]
    assert declared(made["ours"]) == declared(first)
    assert again["result"] == []
    assert changed["result"] == [
        "delete rule active(x) :- nova:servers(id=x) of Active",
        "delete datasource nova",
        "create datasource nova",
        "create rule active(x) :- nova:servers(id=x, status='ACTIVE') of Active",
        "delete rule second of Named",
        "create rule second of Named",
        "create policy Other",
    ]
    assert declared(changed["ours"]) == declared(second)
    assert changed["passwords"] == ["CANARY-2"]
    assert "What it is for [congress-ha: congress-test]" in changed["descriptions"]
    assert removed["result"] == [
        "delete policy Other",
        "delete policy Named",
        "delete policy Active",
        "delete datasource nova",
    ]
    assert removed["ours"] == EMPTY
    assert sorted(name for _, name, _ in removed["others"]) == ["action", "classification"]


def test_what_others_have_is_refused_until_it_is_adopted(host: Host) -> None:
    new = host.declare(datasources__nova=NOVA, active=ACTIVE)
    host.steps.append({"engine": ["persistent_create_policy", {"name": "ACTIVE"}]})
    theirs = "belongs to them [congress-ha: congress-prod]"
    doctor = {"name": "nova", "driver": "doctor", "description": theirs, "config": {}}
    host.steps.append({"datasources": ["add_datasource", {"items": doctor}]})
    host.apply(new, None)
    host.steps += [{"adopt": "ACTIVE"}, {"adopt": "nova"}, {"adopt": "nobody"}]
    host.apply(new, None)
    host.apply(new, "overwrite")
    *_, refused, adopted, taken, unknown, careful, overwritten = host.run()
    assert refused["result"] == (
        "RefusedError: nothing was changed: the datasource nova belongs to stack prod: congress-ha policy adopt nova "
        "takes it over, or give the datasource another name; the policy ACTIVE was not created by congress-test: "
        "congress-ha policy adopt ACTIVE takes it over, or give the policy another name"
    )
    assert refused["ours"] == EMPTY
    assert adopted["result"] == "policy ACTIVE belongs to congress-test now"
    assert taken["result"] == "datasource nova belongs to congress-test now, no longer to congress-prod"
    assert unknown["result"] == "LookupError: there is no policy or datasource nobody"
    # ACTIVE is not Active: it would vanish, which no preview has shown.
    assert careful["result"].startswith("RefusedError: nothing was changed: somebody changed")
    assert "delete policy ACTIVE" in careful["result"]
    assert overwritten["result"] == [
        "delete policy ACTIVE",
        "delete datasource nova",
        "create datasource nova",
        "create policy Active",
    ]
    assert declared(overwritten["ours"]) == declared(new)


def test_what_somebody_changed_by_hand_is_not_touched_unasked(host: Host) -> None:
    first = host.declare(active=policy("Active", "kept('a')"), named=NAMED)
    second = host.declare(active=policy("Active", "kept('a')", "kept('b')"), named=NAMED)
    host.apply(first, None)
    by_hand = {"policy_name": "Named", "str_rule": "p(7)", "rule_name": "first", "comment": ""}
    host.steps.append({"engine": ["persistent_insert_rule", by_hand]})
    host.steps.append({"drift": first})
    host.apply(first, first)
    host.apply(second, first)
    host.apply(second, "overwrite")
    host.steps.append({"drift": second})
    adding = host.declare(active=policy("Active", "kept('a')"), named=NAMED, taken=policy("Taken", "t(2)"))
    theirs = {"name": "Taken", "rules": [{"rule": "t(1)"}]}
    host.steps.append({"engine": ["persistent_create_policy_with_rules", {"policy_rules_obj": theirs}]})
    host.steps.append({"adopt": "Taken"})
    host.apply(adding, second)
    _, _, drift, unchanged, refused, overwritten, none, _, _, adopted = host.run()
    assert len(drift["result"]) == 1
    assert drift["result"][0].endswith(" of Named: p(7)")
    assert none["result"] == []
    assert unchanged["result"] == []
    assert refused["result"].startswith(
        "RefusedError: nothing was changed: somebody changed what this stack declares"
    )
    assert "congress-ha policy overwrite" in refused["result"]
    assert declared(refused["ours"])["policies"]["Active"] == declared(first)["policies"]["Active"]
    assert "create rule kept('b') of Active" in overwritten["result"]
    assert declared(overwritten["ours"]) == declared(second)
    assert adopted["result"] == [
        "delete rule t(1) of Taken",
        "delete rule kept('b') of Active",
        "create rule t(2) of Taken",
    ]
    assert declared(adopted["ours"]) == declared(adding)


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
    # Congress has no change in place: who changes a policy deletes it and creates it again, without the mark.
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


def test_rows_of_datasources_are_read_or_the_reason_is_given(host: Host) -> None:
    host.steps = [
        {
            "datasources": [
                "add_datasource",
                {"items": {"name": name, "driver": "doctor", "description": "", "config": {}}},
            ]
        }
        for name in ("empty", "pushed")
    ]
    events = [
        {**dict.fromkeys(EVENT[:2], f"{number}"), "details": dict.fromkeys(EVENT[2:], f"{number}")}
        for number in range(3)
    ]
    push = {"table_id": "events", "source_id": "pushed", "objs": events}
    host.steps.append({"service": ["pushed", "replace_entire_table_data", push]})
    host.steps += [
        {"rows": ["pushed:events"]},
        {"rows": ["empty:events"]},
        {"rows": ["pushed:no"]},
        {"rows": ["no:t"]},
    ]
    *pushed, some, empty, unknown, absent = host.run()
    assert pushed[-1]["result"] is None
    assert sorted(some["result"]["pushed:events"]) == [[f"{number}"] * len(EVENT) for number in range(3)]
    assert empty["result"].startswith("CallError: datasource empty has no rows yet: ")
    assert unknown["result"].startswith("CallError: pushed:no cannot be read: ")
    assert absent["result"].startswith("CallError: ")


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


def test_a_rule_that_congress_refuses_stops_the_rest_and_the_next_run_continues(host: Host) -> None:
    first = host.declare(a=policy("A", "p(1)"), named=NAMED)
    wrong = host.declare(
        a=policy("A", "p(1)", "p(2)"),
        named=NAMED.replace("q(x) :- p(x)", "q(x) :- "),
        z=policy("Z", "r(1)"),
    )
    right = host.declare(
        a=policy("A", "p(1)", "p(2)"), named=NAMED.replace("p(x)", "p(x), gt(x, 0)"), z=policy("Z", "r(1)")
    )
    host.apply(first, None)
    host.apply(wrong, first)
    host.apply(right, first)
    _, refused, continued = host.run()
    assert refused["result"].startswith("RefusedError: create rule second of Named failed: ")
    assert (
        "(the former rule is in its place again); applied before it: create rule p(2) of A; "
        "not applied: create policy Z; correct it and run pulumi up again"
    ) in refused["result"]
    assert declared(refused["ours"])["policies"]["Named"] == declared(first)["policies"]["Named"]
    assert continued["result"] == [
        "delete rule second of Named",
        "create rule second of Named",
        "create policy Z",
    ]
    assert declared(continued["ours"]) == declared(right)


def test_errors_have_no_secret_and_no_engine_is_named(host: Host) -> None:
    new = host.declare(datasources__nova=NOVA.replace("driver: nova", "driver: CANARY-1"))
    host.apply(new, None)
    host.steps.append({"apply": new, "record": None, "engines": ["policy-engine-1"]})
    failed, away = host.run()
    assert failed["result"].startswith("RefusedError: create datasource nova failed: ")
    assert "CANARY" not in failed["result"]
    assert (
        away["result"]
        == "CallError: no policy engine answers on the bus: policy-engine-1: `make status` says why"
    )


CONFIGURATION = """
[DEFAULT]
transport_url = rabbit://congress:CANARY@127.0.0.1:1/
encryption_key_path = {folder}
[database]
connection = sqlite:///{folder}/congress.sqlite
"""


def ask(host: Host, request: dict[str, Any]) -> tuple[int, str, str]:
    """The program as the step runs it."""
    file = host.folder / "congress.conf"
    file.write_text(CONFIGURATION.format(folder=host.folder))
    words = ("-m", "policy_code.on_host", file, host.folder / "policies.json")
    done = run(
        congress_python(), *words, stdin=json.dumps(request), env=ENVIRONMENT, cwd=host.folder, deadline=250
    )
    return done.returncode, done.stdout, done.stderr


def test_the_program_says_in_one_line_what_it_did_or_what_is_wrong(host: Host) -> None:
    applied = host.declare(datasources__nova=NOVA)
    host.apply(applied, None)
    host.steps.append({"engine": ["persistent_create_policy", {"name": "Theirs"}]})
    host.run()
    (host.folder / "policies.json").write_text(json.dumps(applied))
    verify = {"do": "verify", "stack": "congress-test", "declaration": applied}
    assert ask(host, verify) == (0, "[]\n", "")
    assert ask(host, {"do": "drift", "stack": "congress-test"}) == (0, "\n", "")
    secrets = {"congress-password": "CANARY-1", "other": "CANARY-2"}
    code, out, _ = ask(host, {**verify, "do": "read", "secrets": secrets})
    there = json.loads(out)
    assert there["fingerprints"].keys() == secrets.keys()
    assert (
        there["fingerprints"]["congress-password"] == there["datasources"]["nova"]["config"]["password"]["is"]
    )
    assert there["fingerprints"]["other"] != there["fingerprints"]["congress-password"]
    assert "CANARY" not in out
    adopt = {"do": "adopt", "stack": "congress-test"}
    assert ask(host, {**adopt, "name": "Theirs"}) == (0, "policy Theirs belongs to congress-test now\n", "")
    code, _, errors = ask(host, {**adopt, "name": "Nobody"})
    assert (code, errors.splitlines()[-1]) == (1, "there is no policy or datasource Nobody")
    assert ask(host, {"do": "drift", "stack": "congress-test"}) == (0, "- policy Theirs with 0 rules\n", "")
    request = {"do": "apply", "stack": "congress-test", "engines": ["e"], "declaration": EMPTY, "secrets": {}}
    code, _, errors = ask(host, request)
    assert code == 1
    assert errors.splitlines()[-1].startswith("no message bus at 127.0.0.1:1 as congress: ")
    assert "CANARY" not in errors
    (host.folder / "congress.sqlite").unlink()
    code, _, errors = ask(host, {**adopt, "name": "Theirs"})
    assert code == 1
    assert errors.splitlines()[-1].startswith("Congress's database does not answer as it should: ")
