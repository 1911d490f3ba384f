"""Does what preview has shown, or the rest of it; refuses where something else would happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from policy_code import plan
from policy_code.on_host import OVERWRITE, REPAIR
from policy_code.on_host.bus import Bus, CallError, UnknownError
from policy_code.on_host.differences import found, taken
from policy_code.on_host.live import Live, marked
from policy_code.plan import Action, Declaration


class RefusedError(Exception):
    """Nothing was changed, or some of it: the text says which."""


def conflicts(live: Live, new: Declaration, stack: str) -> list[str]:
    """Names that somebody else has."""
    return [
        f"the {other} {there} {whose or f'was not created by {stack}'}: congress-ha policy adopt {there} takes it "
        f"over, or give the {kind} another name"
        for kind, _, other, there, whose in taken(live, new)
    ]


def unexpected(
    live: Declaration,
    new: Declaration,
    record: Declaration | str | None,
    begun: Sequence[Declaration],
    actions: Sequence[Action],
) -> list[Action]:
    """Actions that preview has not shown, because somebody changed what the stack owns.

    Also the deletion of a policy or rule with content that no declaration has.

    `record`: what was applied last. Or None, if this host does not know although something was applied: then nothing
    may be deleted; REPAIR: then no policy or datasource may vanish; OVERWRITE: everything may. `begun`: what may have
    been applied in part. What preview creates may be there already, if it was adopted: then it is changed into what is
    declared.
    """
    if record == OVERWRITE:
        return []
    former = record if isinstance(record, Mapping) else plan.NOTHING
    shown = {action for one in (former, *begun) for action in plan.plan(one, new)}
    if record == REPAIR:
        removed = plan.only_removed(actions)
        return [action for action in removed if action.kind != "rule" and action not in shown]
    if record is None:
        return [action for action in actions if action.do == "delete" and action not in shown]
    wholes = {(action.kind, action.name) for action in shown if action.do == "create"}
    return [
        action
        for action in actions
        if is_of_somebody_else(live, action, former, begun, new)
        or (
            action not in shown
            and (("policy" if action.kind == "rule" else action.kind), action.name) not in wholes
        )
    ]


def is_of_somebody_else(
    live: Declaration, action: Action, record: Declaration, begun: Sequence[Declaration], new: Declaration
) -> bool:
    """Whether this would delete a rule that no declaration has, from a policy of the last one that was applied."""
    if action.do != "delete" or action.kind == "datasource" or action.name not in record["policies"]:
        return False
    there_are = live["policies"][action.name]["rules"]
    declared = [
        one["policies"][action.name]["rules"]
        for one in (record, *begun, new)
        if action.name in one["policies"]
    ]
    return any(
        not any(key in rules and plan.same_rule(there_are[key], rules[key]) for rules in declared)
        for key in (there_are if action.kind == "policy" else there_are.keys() & {action.rule})
    )


class Application:
    """`secrets`: by name. `new`: the declaration."""

    def __init__(
        self, bus: Bus, live: Live, new: Declaration, secrets: Mapping[str, str], stack: str
    ) -> None:
        self.bus, self.live, self.new, self.secrets, self.stack = bus, live, new, secrets, stack

    def run(self, actions: list[Action]) -> None:
        """Raises RefusedError at the first action that fails, with what was done before it and what was not."""
        for position, action in enumerate(actions):
            try:
                self.act(action)
            except CallError as error:
                done, rest = actions[:position], actions[position + 1 :]
                # If the new rule may be there, the former one would be beside it.
                more = (
                    " (it may be done all the same)"
                    if isinstance(error, UnknownError)
                    else self.put_back(action, done)
                )
                raise RefusedError(
                    f"{action} failed: {self.without_secrets(str(error))}{more}; "
                    f"applied before it: {listed(done)}; not applied: {listed(rest)}; "
                    "correct it and run pulumi up again, which continues here"
                ) from None

    def act(self, action: Action) -> None:
        id_ = self.live.ids.get((action.kind, action.name, action.rule), "")
        match action.do, action.kind:
            case "delete", "rule":
                self.bus.engine("persistent_delete_rule", id_=id_, policy_name_or_id=action.name)
            case "delete", "policy":
                self.bus.engine("persistent_delete_policy", name_or_id=id_)
            case "delete", "datasource":
                self.bus.datasources("delete_datasource", datasource={"id": id_, "name": action.name})
                self.bus.wait_for_tables(action.name, known=False)
            case "create", "rule":
                self.insert(action.name, self.new["policies"][action.name]["rules"][action.rule])
            case "create", "policy":
                self.create_policy(action.name, self.new["policies"][action.name])
            case "create", "datasource":
                self.create_datasource(action.name, self.new["datasources"][action.name])

    def insert(self, policy: str, rule: Mapping[str, Any]) -> None:
        self.bus.engine(
            "persistent_insert_rule",
            policy_name=policy,
            str_rule=rule["rule"],
            rule_name=rule["name"],
            comment=rule["comment"],
        )

    def create_policy(self, name: str, one: Mapping[str, Any]) -> None:
        """With all its rules in one transaction: they all come, or none does."""
        words = {key: one[key] for key in ("kind", "abbreviation")}
        description = marked(one["description"], self.stack)
        rules = [*one["rules"].values()]
        self.bus.engine(
            "persistent_create_policy_with_rules",
            policy_rules_obj={"name": name, "description": description, "rules": rules, **words},
        )

    def create_datasource(self, name: str, one: Mapping[str, Any]) -> None:
        config = {
            key: self.secrets[value["secret"]] if isinstance(value, Mapping) else value
            for key, value in one["config"].items()
        }
        description = marked(one["description"], self.stack)
        self.bus.datasources(
            "add_datasource",
            items={"name": name, "driver": one["driver"], "description": description, "config": config},
        )
        self.bus.wait_for_tables(name, known=True)

    def put_back(self, action: Action, done: list[Action]) -> str:
        """A changed rule that is refused leaves the former one in its place."""
        former = Action("delete", *action.concerns)
        if (
            action.kind != "rule"
            or action.do != "create"
            or former not in done
            or self.has_moved(former, done)
        ):
            return ""
        try:
            self.insert(action.name, self.live.declared["policies"][action.name]["rules"][action.rule])
        except CallError as error:
            return f" (the former rule could not be put back: {error})"
        done.remove(former)
        return " (the former rule is in its place again)"

    def has_moved(self, former: Action, done: Sequence[Action]) -> bool:
        """Whether another rule has the text of this deleted one by now: Congress has a text once."""
        rules, before = self.new["policies"][former.name]["rules"], self.live.declared["policies"]
        text = plan.text(before[former.name]["rules"][former.rule])
        return any(
            plan.text(rules[action.rule]) == text
            for action in done
            if (action.do, action.kind, action.name) == ("create", "rule", former.name)
        )

    def without_secrets(self, text: str) -> str:
        for value in sorted(self.secrets.values(), key=len, reverse=True):
            text = text.replace(value, "***")
        return text


def listed(actions: list[Action]) -> str:
    return ", ".join(map(str, actions)) or "nothing"


def drift(live: ModuleType, stack: str, record: Declaration | str | None) -> list[str]:
    """What differs from what was applied last, and the way out, empty if nothing does. Raises LookupError."""
    if record == OVERWRITE:
        raise LookupError("`policy overwrite` was ordered: run pulumi up with a change, or make repair")
    if not isinstance(record, Mapping):
        way_out = "run pulumi up, or make repair"
        raise LookupError(f"this host has no record of what was applied: {way_out}")  # noqa: TRY004
    return [
        f"{one.what}: {one.remedy if one.by_hand else f'make repair {one.remedy}'}"
        for one in found(live.read(stack, record), record)
    ]


def apply(bus: Bus, live: Live, request: Mapping[str, Any], record: Declaration | str | None) -> list[Action]:
    """What was done. Raises RefusedError."""
    new, stack, begun = request["declaration"], request["stack"], request["begun"]
    if isinstance(record, Mapping) and record.get("attempt") == request["attempt"]:
        begun = []  # this attempt has ended here before
    if record is None and request["first"]:
        record = REPAIR
    if problems := conflicts(live, new, stack):
        raise RefusedError(f"nothing was changed: {'; '.join(problems)}")
    if isinstance(record, Mapping) and not begun and not plan.plan(record, new):
        return []
    actions = plan.plan(live.declared, new)
    if record != OVERWRITE and (problems := plan.other_drivers(live.declared, new)):
        raise RefusedError(
            f"nothing was changed: {'; '.join(problems)}, or let congress-ha policy overwrite do it"
        )
    if others := unexpected(live.declared, new, record, begun, actions):
        raise RefusedError(
            f"nothing was changed: somebody changed what this stack declares, so more would happen than preview has "
            f"shown: {listed(others)}; undo that change, or let the next `up` undo it by congress-ha policy overwrite"
        )
    Application(bus, live, new, request["secrets"], stack).run(actions)
    return actions
