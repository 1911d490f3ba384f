"""What a policy engine's host does with a declaration: it applies it, refuses it, or says why it failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.foundation.template import ROOT
from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.policy_code.folders import NOVA, policy
from tests.policy_code.on_host.engine_host import ACTIVE, EMPTY, NAMED, Host, declared
from tests.support.programs import congress_python, run

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
    # Each engine knows a datasource's tables, or has forgotten them, before anything else happens.
    assert changed["calls"] == [
        "persistent_delete_rule",
        "delete_datasource",
        "wait until nova is gone",
        "add_datasource",
        "wait until nova is known",
        "persistent_insert_rule",
        "persistent_delete_rule",
        "persistent_insert_rule",
        "persistent_create_policy_with_rules",
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
    host.steps += [{"adopt": name} for name in ("ACTIVE", "nova", "nobody", "classification")]
    host.apply(new, None)
    host.apply(new, "overwrite")
    *_, refused, adopted, taken, unknown, own, careful, overwritten = host.run()
    assert refused["result"] == (
        "RefusedError: nothing was changed: the datasource nova belongs to stack prod: congress-ha policy adopt nova "
        "takes it over, or give the datasource another name; the policy ACTIVE was not created by congress-test: "
        "congress-ha policy adopt ACTIVE takes it over, or give the policy another name"
    )
    assert refused["ours"] == EMPTY
    assert adopted["result"] == "policy ACTIVE belongs to congress-test now"
    assert taken["result"] == "datasource nova belongs to congress-test now, no longer to congress-prod"
    assert unknown["result"] == "LookupError: there is no policy or datasource nobody"
    assert (
        own["result"] == "LookupError: classification is Congress's own policy, which no folder can declare"
    )
    assert careful["result"].startswith("RefusedError: nothing was changed: datasource nova would change")
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
    [differs] = drift["result"]
    assert differs.startswith("rule first (")
    assert differs.endswith(") was added to policy Named: p(7): make repair deletes it")
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


def test_what_somebody_added_to_a_policy_does_not_go_with_it_unasked(host: Host) -> None:
    """Preview has shown the deletion of the policy, and of the rule, but with another content."""
    first = host.declare(active=policy("Active", "kept('a')"), named=NAMED)
    without = host.declare(named=NAMED)
    other_text = host.declare(active=policy("Active", "kept('a')"), named=NAMED.replace("p(1)", "p(2)"))
    added = {"policy_name": "Active", "str_rule": "kept('by hand')", "rule_name": "", "comment": ""}
    changed = {"policy_name": "Named", "str_rule": "p(7)", "rule_name": "first", "comment": ""}
    host.apply(first, None)
    host.steps.append({"engine": ["persistent_insert_rule", added]})
    host.apply(without, first)
    host.apply(
        host.declare(active=f"description: new\n{policy('Active', repr('kept(1)'))}", named=NAMED), first
    )
    host.apply(other_text, first)
    host.apply(without, "overwrite")
    host.steps.append({"engine": ["persistent_insert_rule", changed]})
    host.apply(other_text, without)
    _, _, refused, described, unrelated, overwritten, _, changed_too = host.run()
    assert "nothing was changed: somebody changed" in described["result"]
    assert "somebody changed what this stack declares" in refused["result"]
    assert "delete policy Active" in refused["result"]
    assert declared(refused["ours"])["policies"].keys() == {"Active", "Named"}
    assert unrelated["result"].startswith("RefusedError: nothing was changed: somebody changed")
    assert overwritten["result"] == ["delete policy Active"]
    assert "RefusedError: nothing was changed: somebody changed" in changed_too["result"]


def test_rules_whose_names_are_counted_anew_are_all_there(host: Host) -> None:
    """Congress has a rule's text once in a policy, and does nothing if it comes a second time."""
    rule = "- {{name: '{}', rule: p({})}}\n"
    first = host.declare(named="name: Named\nrules:\n" + "".join(rule.format(n, n) for n in (1, 2, 3)))
    second = host.declare(named="name: Named\nrules:\n" + rule.format(1, 2) + rule.format(2, 3))
    host.apply(first, None)
    host.apply(second, first)
    host.apply(first, second)
    _, up, back = host.run()
    assert declared(up["ours"]) == declared(second)
    assert declared(back["ours"]) == declared(first)


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
    half = host.declare(
        a=policy("A", "p(1)"), named=NAMED, y=policy("Y", "s(1)", '"s(x) :- "'), z=policy("Z", "r(1)")
    )
    host.apply(first, None)
    host.apply(half, first)
    host.apply(wrong, first)
    host.apply(right, first)
    _, not_half, refused, continued = host.run()
    # A new policy comes with all its rules, or not at all.
    assert not_half["result"].startswith("RefusedError: create policy Y failed: ")
    assert "applied before it: nothing; not applied: create policy Z" in not_half["result"]
    assert declared(not_half["ours"]) == declared(first)
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


def test_an_adopted_datasource_keeps_its_driver(host: Host) -> None:
    new = host.declare(datasources__nova=NOVA)
    doctor = {"name": "nova", "driver": "doctor", "description": "", "config": {}}
    host.steps.append({"datasources": ["add_datasource", {"items": doctor}]})
    host.steps.append({"adopt": "nova"})
    host.apply(new, None)
    *_, refused = host.run()
    assert refused["result"] == (
        "RefusedError: nothing was changed: datasource nova would change its driver from doctor to nova, and rules "
        "would keep the columns of doctor: give the new datasource another name, or remove it and what reads it in one "
        "`up`, and declare both in the next, or let congress-ha policy overwrite do it"
    )


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


def test_each_engine_that_runs_has_a_datasource_s_tables_before_the_next_action() -> None:
    done = run(congress_python(), Path(__file__).with_name("waiting.py"), env=ENVIRONMENT, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [{"first": 1, "late": 4}, "late does not get the tables of nova"]
