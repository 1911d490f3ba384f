"""Leave an engine as it was when a trace or a simulation is ended at its limit.

Upstream switches the trace on for all policies and, for a simulation, changes their tables and rules, and takes that
back when it has the answer. An evaluation never failed there. One that is ended (patches.evaluation_pace) would leave
the trace on, with which nothing is planned any more, and what was simulated in the tables, until the engine's restart.
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


def select(self: Any, *words: Any) -> Any:
    tracer = self.get_tracer()
    try:
        return upstream_select(self, *words)
    except BaseException:
        self.set_tracer(tracer)
        raise


def simulate(self: Any, query: Any, theory: Any, sequence: Any, action_theory: Any, *words: Any) -> Any:
    tracer, includes = self.get_tracer(), self.theory[action_theory].includes
    included, self.simulated = list(includes), []
    try:
        return upstream_simulate(self, query, theory, sequence, action_theory, *words)
    except BaseException:
        for undo, changed in reversed(self.simulated):
            upstream_update(self, undo, changed)
        includes[:] = included
        self.set_tracer(tracer)
        raise


def project_updates(self: Any, delta: Any, theory: Any) -> Any:
    """What takes the update back; it is kept until the simulation is over."""
    undo = upstream_update(self, delta, theory)
    if undo is not None:
        self.simulated.append((undo, theory))
    return undo
