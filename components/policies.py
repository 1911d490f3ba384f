"""Policies and datasources as code: `preview` shows what will change; `up` does it after the endpoint has answered."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pulumi

from components.external_load_balancer import ExternalLoadBalancer
from components.foundation.host import Site
from components.foundation.step import Step
from components.foundation.template import ROOT
from components.load_balancer import LoadBalancer
from components.policy_engines import PolicyEngines
from components.preflight.policies import PoliciesError
from policy_code.begun import Begun, changes
from policy_code.declaration import declaration, summary
from policy_code.folder import Folder
from policy_code.on_host import COMMAND, FORGET, LIBRARY, RECORD
from policy_code.plan import NOTHING, Declaration, refusals

# What Congress's Python on the host runs: path -> text.
MODULES = {
    str(file.relative_to(ROOT)): file.read_text()
    for file in (
        ROOT / "policy_code/__init__.py",
        ROOT / "policy_code/plan.py",
        *sorted((ROOT / "policy_code/on_host").glob("*.py")),
    )
}
LIMIT = 3600  # seconds; 10,000 rules take minutes


class PoliciesBegun(pulumi.ComponentResource):
    """What `up` begins to apply, as inputs, because the engine stores inputs before the step begins."""

    def __init__(
        self, name: str, begun: pulumi.Output[Begun], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        # As a secret, because a preview would show it key by key a second time.
        declarations: pulumi.Output[Any] = pulumi.Output.secret(begun.apply(lambda one: one.declarations))
        properties = {
            "attempt": begun.apply(lambda one: one.attempt),
            "digests": begun.apply(lambda one: one.digests),
            "first": begun.apply(lambda one: one.first),
            "declarations": declarations,
        }
        super().__init__("congress-ha:index:PoliciesBegun", name, properties, opts)
        self.register_outputs({})


class Policies(pulumi.ComponentResource):
    """One step, on the host of the first policy engine. `summary`: of the declaration, known after it was applied.

    The declaration itself is an output of this component: `applied` in the state. As an output of the stack, it would
    be printed at the end of each `up`, even below the reason why an `up` failed.

    `before`: what was applied last, None if nothing was. `begun`: what `up` began to apply since then. `key`: the
    deployment's encryption key, which is also the key of the fingerprints of secrets.
    """

    summary: pulumi.Output[dict[str, Any]]
    step: Step

    def __init__(
        self,
        name: str,
        folder: Folder,
        site: Site,
        *,
        key: pulumi.Input[str],
        engines: PolicyEngines,
        load_balancer: LoadBalancer | ExternalLoadBalancer,
        before: Declaration | None,
        begun: Begun,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:Policies", name, None, opts)
        secrets = site.settings.policy_secrets.values()
        is_first = before is None and begun.finished
        if is_first:
            # The key may not be known yet. If nothing was applied before, there is no fingerprint to compare.
            self.show(None, begun, declaration(folder, None))

        def declared(known_key: str) -> Declaration:
            new = declaration(folder, secrets, known_key)
            if not is_first:
                self.show(before, begun, new)
            return new

        def context(next_one: Begun) -> dict[str, Any]:
            *others, new = next_one.declarations
            request = {
                "do": "apply",
                "stack": site.prefix,
                "engines": [placement.node_id for placement in engines.placements],
                "declaration": new,
                "attempt": next_one.attempt,
                "first": next_one.first,
                "begun": others,
                "secrets": secrets,
            }
            record = {**new, "attempt": next_one.attempt}
            return {
                "request": json.dumps(request),
                "record_text": json.dumps(record, indent=1),
                "attempt": next_one.attempt,
            }

        new = pulumi.Output.secret(key).apply(declared)
        # Without the key, a fingerprint of a secret tells nothing about it.
        next_begun: pulumi.Output[Begun] = pulumi.Output.unsecret(
            new.apply(lambda one: begun.then(one, before))
        )
        ready = [*load_balancer.ready]
        marker = PoliciesBegun(
            f"{name}-begun", next_begun, pulumi.ResourceOptions(parent=self, depends_on=ready)
        )
        # `depends_on` a component means its children, and this one has none.
        rendered: pulumi.Output[dict[str, Any]] = pulumi.Output.secret(
            pulumi.Output.all(next_begun, marker.urn).apply(lambda values: context(values[0]))
        )
        self.step = Step(
            name,
            engines.hosts[engines.placements[0].host].host,
            "policies/apply.sh.j2",
            {
                "modules": MODULES,
                "library": LIBRARY,
                "command": COMMAND,
                "record": RECORD,
                **{key: rendered[key] for key in ("request", "record_text", "attempt")},
            },
            parent=self,
            after=ready,
            limit=LIMIT,
            # The next declaration is then compared with what Congress has, not with what was applied. This is right if
            # the settings later name a folder again, and if `make repair` applies the folder again.
            delete=f"sudo -n bash -c {shlex.quote(FORGET)}",
        )
        # A step that a targeted `up` leaves out has the output of an earlier attempt.
        ended = pulumi.Output.unsecret(self.step.stdout.apply(attempt_of))
        applied = pulumi.Output.all(next_begun, ended).apply(
            lambda values: values[0].declarations[-1] if values[0].attempt == values[1] else before or NOTHING
        )
        self.summary = applied.apply(summary)
        self.register_outputs({"applied": applied, "attempt": ended})

    def show(self, before: Declaration | None, begun: Begun, new: Declaration) -> None:
        """Log what will change, in its order. Raises PoliciesError if a new value of a secret leads to a refusal."""
        if problems := refusals(before or NOTHING, new):
            raise PoliciesError(problems)
        if lines := [*changes(before, begun, new)]:
            pulumi.log.info("\n".join(lines), resource=self)


def attempt_of(output: str) -> int:
    """The attempt that a step's output names, 0 without one (an older program's step)."""
    return int(([0, *re.findall(r"^attempt (\d+)$", output, re.MULTILINE)])[-1])


def policies(
    name: str, folder: Folder | None, site: Site, *, before: Declaration | None, begun: Begun, **words: Any
) -> Policies | None:
    """The component, if the settings name a folder. If they do not, what former ones applied stays in Congress."""
    if folder is not None:
        return Policies(name, folder, site, before=before, begun=begun, **words)
    if before is not None or begun.attempt:
        pulumi.log.warn(
            "the setting policies is gone: the policies and datasources of the former folder stay in Congress as they "
            "are, and nothing watches them; to delete them, delete their files before you remove the setting"
        )
    return None
