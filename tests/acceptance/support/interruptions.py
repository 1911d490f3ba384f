"""Interrupted runs of `up` and `destroy`, and the audit of the result of the next run."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from openstack.connection import Connection

from tests.acceptance.support.deployment import UNASKED, Deployment, setting_options
from tests.acceptance.support.disruptions import DISRUPTIONS, Run
from tests.acceptance.support.inventory import inventory

COLD, SETTING, GROWTH, DESTROY = "cold up", "changed setting", "third engine", "destroy"
# Duration in seconds of each operation on the lab; an interruption comes at any moment of it.
LASTS = {COLD: 150.0, SETTING: 30.0, GROWTH: 90.0, DESTROY: 25.0}
SETTINGS = {SETTING: ("policyEngines.syncPeriod=7",), GROWTH: ("policyEngines.count=3",)}
AT_BIRTH = "server destroyed"
# A changed setting creates no server and installs nothing; `destroy` runs no program and contacts no host.
SENSELESS = {
    SETTING: {AT_BIRTH, "mirror refused"},
    DESTROY: {AT_BIRTH, "mirror refused", "language host killed"},
}
MADE = {
    COLD: ["bastion", "database", "messaging", "load-balancer", "datasource-1", "policy-engine-host-2"],
    GROWTH: ["policy-engine-host-3"],
}
# Operation and next run, repeated: from a complete deployment to none, and back to a complete one.
ROUND = (
    (DESTROY, "destroy"),
    (COLD, "destroy"),
    (COLD, "up"),
    (GROWTH, "up"),
    (SETTING, "up"),
    (DESTROY, "up"),
)
SECOND_ENGINE = re.compile(r"policy-engine-(host-)?2\b")


@dataclass(frozen=True)
class Interruption:
    """`moment`: seconds after the start; `then`: the next run, "up" or "destroy"; `host`: one that the run creates."""

    operation: str
    disruption: str
    moment: float
    then: str
    host: str

    def __str__(self) -> str:
        when = f"of {self.host}" if self.disruption == AT_BIRTH else f"after {self.moment:.0f} s"
        return f"{self.operation}, {self.disruption} {when}, then {self.then}"


def plan(seed: int, count: int) -> Iterator[Interruption]:
    """Interruptions that begin with a complete deployment, each disruption equally often. A seed gives one sequence."""
    dice = random.Random(seed)  # noqa: S311  no cryptography
    remaining: list[str] = []
    for operation, then in islice(cycle(ROUND), count):
        sensible = set(DISRUPTIONS) - SENSELESS.get(operation, set())
        if not sensible & set(remaining):
            remaining += dice.sample(sorted(DISRUPTIONS), len(DISRUPTIONS))
        disruption = next(name for name in remaining if name in sensible)
        remaining.remove(disruption)
        moment, host = dice.uniform(0, LASTS[operation]), dice.choice(MADE.get(operation, [""]))
        yield Interruption(operation, disruption, 0 if disruption == AT_BIRTH else moment, then, host)


@dataclass(frozen=True)
class Whole:
    """Counts of resources in the state by type and name, and in the cloud by kind and name."""

    resources: Counter[str]
    things: dict[str, Counter[str]]

    @classmethod
    def of(cls, deployment: Deployment, cloud: Connection) -> Whole:
        """The present counts; fails if the state has pending operations."""
        state = deployment.exported()
        assert not state.get("pending_operations"), state["pending_operations"]
        names = [f"{r['type']} {r['urn'].rsplit('::', 1)[1]}" for r in state.get("resources", [])]
        return cls(Counter(names), inventory(cloud))

    def grown(self) -> Whole:
        """The counts with a third engine on a third host, with the same resources as the second ones."""

        def more(names: Counter[str]) -> Counter[str]:
            third = {
                SECOND_ENGINE.sub(r"policy-engine-\g<1>3", n): c
                for n, c in names.items()
                if SECOND_ENGINE.search(n)
            }
            return names + Counter(third)

        return Whole(more(self.resources), {kind: more(names) for kind, names in self.things.items()})


@dataclass(frozen=True)
class Outcome:
    """`code`: exit code of the disrupted run; `next`: duration of the next run in seconds."""

    code: int
    next: float


class Laboratory:
    """A deployment whose runs are interrupted, and its resources after uninterrupted runs."""

    def __init__(self, deployment: Deployment, cloud: Connection) -> None:
        self.deployment, self.cloud = deployment, cloud
        self.output = deployment.folder / "interrupted.log"
        deployment.well(60)
        self.uninterrupted = Whole.of(deployment, cloud)

    def suffer(self, planned: Interruption) -> Outcome:
        """Begin the operation, disrupt it, wait for its end, do the next run, audit; end with the usual settings."""
        settings = SETTINGS.get(planned.operation, ())
        command = "destroy" if planned.operation == DESTROY else "up"
        with Run.started(self.output, command, *UNASKED, *setting_options(*settings)) as running:
            running.last(planned.moment)
            if not running.ended:
                DISRUPTIONS[planned.disruption](running, self.cloud, planned.host)
            code, began = running.wait(), time.monotonic()
            # Plugins of a killed engine go on meanwhile, as they would for an operator.
            if planned.then == "destroy":
                self.deployment.destroy()
            else:
                self.deployment.up(*settings)
            took = time.monotonic() - began
        if planned.then == "destroy":
            assert Whole.of(self.deployment, self.cloud) == Whole(Counter(), {})
        else:
            self.audit(*settings)
            if settings:
                self.deployment.up()
                self.audit()
        return Outcome(code, took)

    def audit(self, *settings: str) -> None:
        """Assert that another `up` changes nothing, every role works, and all resources exist exactly once."""
        self.deployment.up_with("--expect-no-changes", *setting_options(*settings))
        self.deployment.well(60)
        expected = self.uninterrupted.grown() if settings == SETTINGS[GROWTH] else self.uninterrupted
        assert Whole.of(self.deployment, self.cloud) == expected

    def output_end(self) -> str:
        """The end of the interrupted run's output."""
        lines = self.output.read_text(errors="replace").splitlines()
        return "\n".join(["the interrupted run ended with:", *lines[-40:]])
