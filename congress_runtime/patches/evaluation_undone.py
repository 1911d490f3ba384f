"""Undo the changes of a trace or a simulation that ends at its limit.

Upstream switches the trace on for all policies, and a simulation changes their tables and rules. Upstream undoes this
only when it has the answer; without a limit, an evaluation never failed there. If an evaluation is ended at its limit
(patches.evaluation_pace), the trace would stay on, which makes planning impossible, and the simulated changes would
stay in the tables, until the engine's restart.
"""

from typing import Any

from congress.policy_engines.agnostic import Runtime

upstream_select = Runtime._select_obj  # noqa: SLF001
upstream_simulate = Runtime._simulate_obj  # noqa: SLF001
upstream_update = Runtime.project_updates


def apply() -> None:
    Runtime._select_obj = select  # noqa: SLF001
    Runtime._simulate_obj = simulate  # noqa: SLF001
    Runtime.project_updates = project_updates


def select(self: Any, *arguments: Any) -> Any:
    tracer = self.get_tracer()
    try:
        return upstream_select(self, *arguments)
    except BaseException:
        self.set_tracer(tracer)
        raise


def simulate(self: Any, query: Any, theory: Any, sequence: Any, action_theory: Any, *arguments: Any) -> Any:
    tracer, includes = self.get_tracer(), self.theory[action_theory].includes
    included, self.simulated = list(includes), []
    try:
        return upstream_simulate(self, query, theory, sequence, action_theory, *arguments)
    except BaseException:
        for undo, changed in reversed(self.simulated):
            upstream_update(self, undo, changed)
        includes[:] = included
        self.set_tracer(tracer)
        raise


def project_updates(self: Any, delta: Any, theory: Any) -> Any:
    """Return the update that undoes this one, and record it until the simulation ends."""
    undo = upstream_update(self, delta, theory)
    if undo is not None:
        self.simulated.append((undo, theory))
    return undo
