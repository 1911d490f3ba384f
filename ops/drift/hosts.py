"""A drift, and the drifts that hosts report about themselves (ops/remote/drift.py). Sends no requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection

from components.preflight.state import State
from ops.health.finding import Finding, wrong
from ops.remote import REMOTE
from ops.remote.runner import Command
from ops.ssh.survey import BASTION, Report

FOLDER = "/var/lib/congress-ha"


@dataclass(frozen=True)
class Drift:
    """One difference. `remedy`: what `make repair` does about it, in words; with `by_hand`, what the operator does.

    `steps`: URNs of the steps that must run again. `call`: the repair by the cloud's API. Without both, an `up` with a
    refresh repairs it.
    """

    role: str
    what: str
    remedy: str
    steps: tuple[str, ...] = ()
    call: Callable[[Connection], object] | None = None
    by_hand: bool = False

    @property
    def finding(self) -> Finding:
        return wrong(self.role, self.what, self.remedy if self.by_hand else f"make repair: {self.remedy}")


def comparison_command(host: str, state: State) -> dict[str, Command]:
    """The command by which a host compares itself with what its steps recorded."""
    argv = ["python3", "-", FOLDER, *sorted(state.steps(host))]
    return {"drift": {"argv": argv, "stdin": (REMOTE / "drift.py").read_text()}}


@dataclass(frozen=True)
class HostView:
    """A host's answer, as ops/remote/drift.py prints it, or why there is none."""

    answer: Mapping[str, Any] | None
    problem: str = ""

    @property
    def summary(self) -> str:
        if self.answer is None:
            return ""
        counts = {kind: self.answer[kind] for kind in ("files", "services", "packages")}
        return ", ".join(f"{n} {kind if n != 1 else kind[:-1]}" for kind, n in counts.items())


def read_host(report: Report) -> HostView:
    if report.problem is not None:
        return HostView(None, report.problem)
    explained = report.answers["drift"]
    if explained["code"] == 0:
        return HostView(json.loads(explained["out"]))
    last_line = explained["err"].strip().splitlines()[-1:] or ["no answer in time"]
    return HostView(None, f"it could not compare itself: {last_line[0]}")


def host_drifts(views: Mapping[str, HostView], state: State, explained: Iterable[str]) -> Iterator[Drift]:
    """The drifts of all hosts. `explained`: hosts whose silence is explained by the cloud's drifts."""
    bastion_unreachable = views[BASTION].answer is None
    for host, view in views.items():
        if view.answer is not None:
            urns = state.steps(host)
            for finding in view.answer["findings"]:
                remedy = f"runs {', '.join(finding['steps'])} again"
                yield Drift(
                    host, finding["what"], remedy, steps=tuple(urns[step] for step in finding["steps"])
                )
        elif host not in explained and (host == BASTION or not bastion_unreachable):
            yield Drift(host, f"could not be checked: {view.problem}", "make status", by_hand=True)
