"""The plan of changes, by random declarations: what preview shows leads to what is declared, and to nothing else."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from policy_code.begun import Begun, changes, digest
from policy_code.plan import LISTS, Action, label, lines, only_removed, plan, refusals

NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.sampled_from([1, True, "1", "x", {"secret": "s", "is": "1"}, {"secret": "t", "is": "1"}])
DATASOURCES = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {
            "driver": st.sampled_from(["nova", "push"]),
            "description": st.just(""),
            "config": st.dictionaries(NAMES, VALUES, max_size=2),
            "protect": st.booleans(),
        }
    ),
)
RULES = st.dictionaries(
    st.sampled_from([":one", ":two", "p(1)", "q(1)"]),
    st.fixed_dictionaries(
        {
            "name": st.none(),
            "rule": st.sampled_from(["p(1)", "p(2)", "p(3)", "p(4)"]),
            "comment": st.sampled_from(["", "why"]),
        }
    ),
).filter(lambda rules: len({rule["rule"] for rule in rules.values()}) == len(rules))
POLICIES = st.dictionaries(
    NAMES.map(str.upper),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["nonrecursive", "action"]),
            "abbreviation": st.just("a"),
            "description": st.just(""),
            "rules": RULES,
            "protect": st.booleans(),
        }
    ),
)


def in_places(declaration: dict[str, Any]) -> dict[str, Any]:
    return {
        list_: {name: {"place": place, **one} for place, (name, one) in enumerate(ones.items())}
        for list_, ones in declaration.items()
    }


DECLARATIONS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"datasources": DATASOURCES, "policies": POLICIES}
).map(in_places)


def act(state: dict[str, Any], action: Action, new: dict[str, Any]) -> None:
    """Congress: it refuses to delete what is not there, and to create what is. A policy has a rule's text only once.

    Raises KeyError or AssertionError.
    """
    if action.kind == "rule":
        place, key = state["policies"][action.name]["rules"], action.rule
        value = new["policies"].get(action.name, {}).get("rules", {}).get(key)
    else:
        place, key = state[LISTS[action.kind]], action.name
        value = new[LISTS[action.kind]].get(key)
    if action.do == "delete":
        del place[key]
    else:
        assert key not in place
        if action.kind == "rule":
            assert value["rule"] not in [other["rule"] for other in place.values()]
        place[key] = copy.deepcopy(value)


def without_protection(state: dict[str, Any]) -> str:
    """Order, protection and the names of secrets do not matter to Congress."""
    every = copy.deepcopy(state)
    for list_ in every.values():
        for one in list_.values():
            one.pop("protect", None)
            one.pop("place")
            for value in one.get("config", {}).values():
                if isinstance(value, dict):
                    value.pop("secret", None)  # values may be one object
    return json.dumps(every, sort_keys=True)


@given(DECLARATIONS, DECLARATIONS)
def test_the_plan_makes_what_is_declared_of_what_was(old: dict[str, Any], new: dict[str, Any]) -> None:
    state = copy.deepcopy(old)
    for action in plan(old, new):
        act(state, action, new)
    assert without_protection(state) == without_protection(new)
    assert plan(state, new) == []


@given(DECLARATIONS, DECLARATIONS, DECLARATIONS)
def test_nothing_else_is_touched(old: dict[str, Any], new: dict[str, Any], others: dict[str, Any]) -> None:
    """Policies and datasources of others, under other names, stay as they are."""
    theirs = {list_: {f"their {name}": one for name, one in ones.items()} for list_, ones in others.items()}
    state = {list_: {**copy.deepcopy(old[list_]), **copy.deepcopy(theirs[list_])} for list_ in old}
    for action in plan(old, new):
        act(state, action, new)
    expected = {list_: {**new[list_], **theirs[list_]} for list_ in new}
    assert without_protection(state) == without_protection(expected)


@given(DECLARATIONS, DECLARATIONS, st.integers(0, 30))
def test_after_an_interruption_nothing_happens_that_was_not_shown(
    old: dict[str, Any], new: dict[str, Any], done: int
) -> None:
    state, shown = copy.deepcopy(old), plan(old, new)
    for action in shown[:done]:
        act(state, action, new)
    rest = plan(state, new)
    assert set(rest) <= set(shown)
    assert not {*rest} & {*shown[:done]}


@given(DECLARATIONS, DECLARATIONS)
def test_removals_come_first_in_the_reverse_order_and_datasources_before_policies(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    actions = plan(old, new)
    removed = only_removed(actions)
    assert actions[: len(removed)] == removed
    places = {"rule": 0, "policy": 1, "datasource": 2}
    assert [places[one.kind] for one in removed] == sorted(places[one.kind] for one in removed)
    for kind, list_ in LISTS.items():
        names = [one.name for one in removed if one.kind == kind]
        assert names == [name for name in reversed(old[list_]) if name not in new[list_]]
    kinds = [one.kind == "datasource" for one in actions[len(removed) :]]
    assert kinds == sorted(kinds, reverse=True)


@given(DECLARATIONS, DECLARATIONS)
def test_the_plan_does_not_depend_on_the_order_of_keys_in_a_state(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    stored = json.loads(json.dumps(old, sort_keys=True))
    assert plan(stored, new) == plan(old, new)
    assert lines(stored, new) == lines(old, new)


@given(DECLARATIONS, DECLARATIONS)
def test_each_action_has_its_line(old: dict[str, Any], new: dict[str, Any]) -> None:
    actions = plan(old, new)
    heads = [line for line in lines(old, new) if not line.startswith(" ")]
    assert len(heads) == len(actions)
    for head, action in zip(heads, actions, strict=True):
        assert head.startswith(f"{'-' if action.do == 'delete' else '+'} {action.kind} ")
        assert action.name in head


@given(DECLARATIONS, DECLARATIONS)
def test_what_was_protected_is_never_deleted(old: dict[str, Any], new: dict[str, Any]) -> None:
    protected = [
        action
        for action in plan(old, new)
        if action.do == "delete" and action.kind != "rule" and old[LISTS[action.kind]][action.name]["protect"]
    ]
    assert len(refusals(old, new)) == len(protected)


@given(DECLARATIONS, st.lists(st.tuples(DECLARATIONS, st.integers(0, 10)), max_size=3), DECLARATIONS)
def test_after_several_that_failed_nothing_happens_that_was_not_shown(
    applied: dict[str, Any], failed: list[tuple[dict[str, Any], int]], new: dict[str, Any]
) -> None:
    state, begun = copy.deepcopy(applied), Begun()
    for declared, done in failed:
        begun = begun.then(declared, applied)
        for action in plan(state, declared)[:done]:
            act(state, action, declared)
    shown = [*changes(applied, begun, new)]
    next_one = begun.then(new, applied)
    candidates = [applied, *next_one.declarations]
    expected = {action for one in candidates for action in plan(one, new)}
    for action in plan(state, new):
        assert action in expected
        if action.kind == "rule":
            rules = (state if action.do == "delete" else new)["policies"][action.name]["rules"]
            what = f"{label(action.rule)} of {action.name}: {rules[action.rule]['rule']}"
        else:
            what = action.name
        sign = "-" if action.do == "delete" else "+"
        assert any(line.startswith(f"{sign} {action.kind} {what}") for line in shown), (action, shown)


@given(DECLARATIONS, DECLARATIONS)
def test_an_attempt_begins_whenever_something_may_have_to_be_done(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    begun = Begun().then(first, None)
    assert (begun.attempt, begun.first, begun.finished) == (1, True, False)
    ended = as_stored(begun, finished=True)
    assert ended.then(first, first) == begun
    assert [*changes(first, ended, first)] == []
    # The same declaration again, after a failure: what the step gets differs from what it has ever got.
    again = as_stored(begun).then(first, None)
    assert again.attempt == 2
    back = as_stored(ended.then(second, first)).then(first, first)
    if digest(first) != digest(second):
        assert ended.then(second, first).attempt == 2
        assert back.attempt == 3
        assert [digest(one) for one in back.declarations] == [digest(second), digest(first)]
        assert not back.first


def as_stored(begun: Begun, *, finished: bool = False) -> Begun:
    """As Pulumi's state gives it."""
    return replace(begun, declarations=json.loads(json.dumps(begun.declarations)), finished=finished)
