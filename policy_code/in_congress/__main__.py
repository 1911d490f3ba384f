"""Reads one request from standard input, and writes the answer to standard output, both JSON.

`do` is check, test (of all cases), explain (of a case's table), reads (tables that a simulation needs) or simulate;
policy_code/congress.py has the rest of the request.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common import config  # noqa: F401  registers options that are read by what follows

# isort: split
from congress_runtime import patches

from policy_code.in_congress import drivers, simulation
from policy_code.in_congress.cases import split
from policy_code.in_congress.evaluation import Evaluation
from policy_code.in_congress.explanation import Explanation, name
from policy_code.in_congress.folder import Folder


def answer(request: dict[str, Any]) -> dict[str, Any]:
    folder = Folder(request)
    output: dict[str, Any] = {"problems": folder.problems}
    output["executing"] = simulation.executing(folder)
    if folder.problems or request["do"] == "check":
        return output
    if request["do"] in {"reads", "simulate"}:
        before = Folder(request["before"])
        output["unusable"] = [text for *_, text in before.problems]
        if before.problems:
            return output
        if request["do"] == "reads":
            return output | {"reads": simulation.reads(before, folder)}
        declared = request["declared"]
        return (
            output
            | simulation.Simulation(
                before, folder, declared["before"], declared["after"], request["given"]
            ).run()
        )
    evaluation = Evaluation(folder)
    if request["do"] == "test":
        output["bodies"] = {
            policy: [rule.position for rule in rules if rule.body()] for policy, rules in folder.rules.items()
        }
        output["cases"] = [
            [evaluation.case(one["policy"], case) for case in one["cases"]] for one in request["cases"]
        ]
        return output
    one = request["cases"][request["file"]]
    evaluation.fill(one["cases"][request["case"]]["given"])
    policy, table = split(one["policy"], request["table"])
    output["defined"] = (
        sorted({name(head) for head in evaluation.heads(policy)}) if policy in folder.rules else []
    )
    output["steps"] = Explanation(evaluation).table(policy, table) if table in output["defined"] else []
    return output


def main() -> None:
    # Congress prints what it parses.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    patches.apply(patches.ENGINE)
    drivers.load()
    json.dump(answer(json.load(sys.stdin)), out)
    out.close()


main()
