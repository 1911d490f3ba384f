"""What a policy engine's host does after an `up` that failed, got no answer, or was the last of a host that is gone."""

from __future__ import annotations

import pytest

from tests.policy_code.folders import policy
from tests.policy_code.on_host.engine_host import NAMED, Host, declared

pytestmark = pytest.mark.timeout(300)


def test_what_an_up_that_failed_has_made_is_no_change_by_hand(host: Host) -> None:
    """Its declaration is in Pulumi's state, and so in the next request; the record is that of the `up` before."""
    first = host.declare(a=policy("A", "p(1)"), b=policy("B", "r(1)"), named=NAMED)
    failing = host.declare(
        a=policy("A", "p(1)", "p(2)"), named=NAMED.replace("q(x) :- p(x)", "q(x) :- "), z=policy("Z", "r(1)")
    )
    finished = host.declare(a=policy("A", "p(3)"), named=NAMED, y=policy("Y", "s(1)"))
    other = host.declare(a=policy("A", "p(1)"), b=policy("B", "r(2)"), named=NAMED)
    by_hand = {"policy_name": "A", "str_rule": "p(7)", "rule_name": "", "comment": ""}
    host.apply(first, None)
    host.apply(failing, first)
    host.apply(first, first, begun=[failing])
    host.apply(failing, first)
    host.apply(other, first, begun=[failing])
    # The connection was lost, so Pulumi does not know that it has ended. It wrote the record.
    host.apply(finished, other)
    host.apply(other, finished, begun=[finished])
    host.apply(failing, other)
    host.steps.append({"engine": ["persistent_insert_rule", by_hand]})
    host.apply(first, other, begun=[failing])
    _, failed, back, _, otherwise, _, undone, _, _, refused = host.run()
    assert "not applied: create policy Z" in failed["result"]
    assert back["result"] == ["delete rule p(2) of A", "create policy B"]
    assert declared(back["ours"]) == declared(first)
    assert otherwise["result"] == ["delete rule p(2) of A", "create policy B"]
    assert declared(undone["ours"]) == declared(other)
    assert "RefusedError: nothing was changed: somebody changed" in refused["result"]
    assert "delete rule p(7) of A" in refused["result"]


def test_what_failed_is_undone_also_where_the_host_has_no_record(host: Host) -> None:
    first = host.declare(a=policy("A", "p(1)"))
    failing = host.declare(b=policy("B", "r(1)"), c=policy("C", "s(1)", '"s(x) :- "'))
    host.apply(first, None)
    host.apply(failing, first)
    host.apply(first, None, begun=[failing])
    _, _, back = host.run()
    assert back["result"] == ["delete policy B", "create policy A"]


def test_an_attempt_that_has_ended_here_may_undo_nothing_more(host: Host) -> None:
    """Its request still names the ones that failed before it, if its step runs again for another reason."""
    failed = host.declare(a=policy("A", "p(1)"), b=policy("B", "r(1)"))
    last = host.declare(a=policy("A", "p(1)"))
    theirs = {"name": "B", "description": "x [congress-ha: congress-test]", "rules": [{"rule": "r(2)"}]}
    host.apply(last, None)
    host.steps.append({"engine": ["persistent_create_policy_with_rules", {"policy_rules_obj": theirs}]})
    host.apply(last, {**last, "attempt": 3}, begun=[failed])
    host.steps[-1]["attempt"] = 3
    host.apply(last, last, begun=[failed])
    *_, ended, going = host.run()
    assert ended["result"] == []
    assert going["result"] == ["delete policy B"]


def test_a_host_that_lost_its_record_deletes_nothing_that_was_not_shown(host: Host) -> None:
    """A new server in place of the host. A repair, which removes the record itself, puts rules right."""
    applied = host.declare(named=NAMED)
    by_hand = {"policy_name": "Named", "str_rule": "p(7)", "rule_name": "", "comment": ""}
    host.apply(applied, None)
    host.apply(applied, None, first=False)
    host.steps.append({"engine": ["persistent_insert_rule", by_hand]})
    host.apply(applied, None, first=False)
    host.apply(applied, "repair", first=False)
    _, same, _, refused, repaired = host.run()
    assert same["result"] == []
    assert "nothing was changed: somebody changed" in refused["result"]
    assert "delete rule p(7) of Named" in refused["result"]
    assert repaired["result"] == ["delete rule p(7) of Named"]


def test_what_was_adopted_is_still_taken_after_an_up_that_failed(host: Host) -> None:
    first = host.declare(named=NAMED)
    taken = policy("Taken", "t(2)")
    failing = host.declare(named=NAMED, taken=taken, other=policy("Other", "t(1)"))
    right = host.declare(named=NAMED, taken=taken)
    theirs = {"name": "Taken", "rules": [{"rule": "t(1)"}]}
    host.apply(first, None)
    host.steps.append({"engine": ["persistent_create_policy_with_rules", {"policy_rules_obj": theirs}]})
    host.steps.append({"adopt": "Taken"})
    host.steps.append({"engine": ["persistent_create_policy", {"name": "Other"}]})
    host.apply(failing, first)
    host.apply(right, first, begun=[failing])
    *_, taken_over = host.run()
    assert taken_over["result"] == ["delete rule t(1) of Taken", "create rule t(2) of Taken"]


def test_a_rule_whose_insertion_is_not_answered_is_not_there_beside_the_former_one(host: Host) -> None:
    first = host.declare(named=NAMED)
    second = host.declare(named=NAMED.replace("q(x) :- p(x)", "q(x) :- p(x), gt(x, 0)"))
    host.apply(first, None)
    host.apply(second, first)
    host.steps[-1]["unanswered"] = "persistent_insert_rule"
    host.apply(second, first)
    _, unanswered, again = host.run()
    assert unanswered["result"].startswith(
        "RefusedError: create rule second of Named failed: node did not answer within 20 s (it may be done all the "
        "same); applied before it: delete rule second of Named; not applied: nothing; "
    )
    assert declared(unanswered["ours"]) == declared(second)
    assert again["result"] == []
