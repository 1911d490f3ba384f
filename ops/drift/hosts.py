"""What differs from what the stack put, and what puts it right. Asks nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openstack.connection import Connection

from components.preflight.state import State
from ops.health.finding import Finding, wrong
from ops.remote import REMOTE
from ops.remote.runner import Question
from ops.ssh.survey import BASTION, Report

FOLDER = "/var/lib/congress-ha"


@dataclass(frozen=True)
class Drift:
    """One difference. `mend`: in words, what `make repair` does about it, or, `by_hand`, what the operator does.

    `steps`: URNs of the steps that have to run again; `call`: what the cloud is asked for. Without both, an `up` with
    a refresh puts it right.
    """

    role: str
    what: str
    mend: str
    steps: tuple[str, ...] = ()
    call: Callable[[Connection], object] | None = None
    by_hand: bool = False

    @property
    def finding(self) -> Finding:
        return wrong(self.role, self.what, self.mend if self.by_hand else f"make repair: {self.mend}")


def question(host: str, state: State) -> dict[str, Question]:
    """What a host is asked: to compare itself with what its steps recorded."""
    argv = ["python3", "-", FOLDER, *sorted(state.steps(host))]
    return {"drift": {"argv": argv, "stdin": (REMOTE / "drift.py").read_text()}}


@dataclass(frozen=True)
class HostView:
    """A host's answer, or why there is none."""

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
    told = report.answers["drift"]
    if told["code"] == 0:
        return HostView(json.loads(told["out"]))
    last = told["err"].strip().splitlines()[-1:] or ["no answer in time"]
    return HostView(None, f"it could not compare itself: {last[0]}")


def of_hosts(views: Mapping[str, HostView], state: State, told: Iterable[str]) -> Iterator[Drift]:
    """What hosts found. `told`: hosts of which the cloud tells already why they do not answer."""
    lost_bastion = views[BASTION].answer is None
    for host, view in views.items():
        if view.answer is not None:
            urns = state.steps(host)
            for found in view.answer["findings"]:
                mend = f"runs {', '.join(found['steps'])} again"
                yield Drift(host, found["what"], mend, steps=tuple(urns[step] for step in found["steps"]))
        elif host not in told and (host == BASTION or not lost_bastion):
            yield Drift(host, f"could not be looked at: {view.problem}", "make status", by_hand=True)
