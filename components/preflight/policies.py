"""Reads and checks the folder of policies and datasources before anything is created.

Congress itself checks the rules, so `pulumi preview` needs Congress's Python on the deployer's machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pulumi

from components.preflight.state import State
from policy_code import congress
from policy_code.congress import CongressError
from policy_code.declaration import declaration
from policy_code.folder import Folder, read
from policy_code.model import Secret
from policy_code.plan import NOTHING, other_drivers, refusals, without_secrets
from policy_code.simulated import unsimulated
from settings import NAMESPACE, Settings


class PoliciesError(pulumi.RunError):
    """All problems of the folder, one line each. Pulumi shows a RunError without a traceback."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"The policies have {count}; nothing was changed.\n{lines}")


def look_up(settings: Settings) -> Folder | None:
    """The folder that the settings name, None without one. Raises PoliciesError."""
    if settings.policies is None:
        return None
    folder = read(settings.policies)
    problems = [*secret_problems(folder, settings.policy_secrets.root)]
    # A problem of the whole folder, not of a file in it: the setting may name the wrong folder.
    path = str(settings.policies)
    problems += [f"{NAMESPACE}:policies: {path}: {one.text}" for one in folder.problems if one.file == path]
    folder.problems = [one for one in folder.problems if one.file != path]
    try:
        problems += map(str, sorted(congress.problems(folder)))
    except CongressError as error:
        problems += [*map(str, folder.problems), f"{NAMESPACE}:policies: {error}"]
    if problems:
        raise PoliciesError(problems)
    return folder


def require_simulation(settings: Settings, stack: str, folder: Folder | None, state: State) -> None:
    """Raises PoliciesError; a preview shows the change, so it only warns."""
    if folder is None or settings.policies is None or settings.policy_actions == "unchecked":
        return
    there_may_be = [state.policies or NOTHING, *state.begun.unfinished]
    names = unsimulated(settings.policies, stack, there_may_be, declaration(folder, None), folder.executing)
    problems = [
        f"policy {name} executes actions, and it or what it uses is new or changed: congress-ha --stack {stack} policy "
        f"simulate {settings.policies} shows which ones, and lets `up` apply it; or set {NAMESPACE}:policyActions: "
        "unchecked"
        for name in names
    ]
    if problems and pulumi.runtime.is_dry_run():
        pulumi.log.warn("\n".join(["`up` will refuse this:", *problems]))
    elif problems:
        raise PoliciesError(problems)


def require_permitted(folder: Folder | None, state: State) -> None:
    """Refuse what is known to be refused without the values of secrets. Raises PoliciesError."""
    if folder is None:
        return
    new, former = without_secrets(declaration(folder, None)), without_secrets(state.policies or NOTHING)
    drivers = [line for one in (former, *state.begun.unfinished) for line in other_drivers(one, new)]
    if problems := [*dict.fromkeys(drivers), *refusals(former, new)]:
        raise PoliciesError(problems)


def secret_problems(folder: Folder, known: Collection[str]) -> Iterator[str]:
    """Secrets that a file names and the stack does not have, and the other way round."""
    named: set[str] = set()
    for one in folder.datasources:
        for key, value in one.is_.config.items():
            if isinstance(value, Secret):
                named.add(value.secret)
                if value.secret not in known:
                    yield str(
                        one.source.problem(
                            ("config", key),
                            f"config.{key}: the stack has no secret {value.secret}: pulumi config set --secret --path "
                            f"'{NAMESPACE}:policySecrets.{value.secret}'",
                        )
                    )
    # A file that could not be read may name any of these secrets.
    if not folder.problems:
        for name in sorted(set(known) - named):
            yield f"{NAMESPACE}:policySecrets.{name}: no datasource names this secret: remove it"
