"""Run the component of policies with the real engine, over states of older programs; started by toolchain/test.

Usage: check_policies.py FOLDER (an empty one, for the states, the policies and a copy of the program)
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
UP = ("up", "--yes", "--skip-preview")
DATASOURCE = "name: nova\ndriver: nova\nconfig: {password: {secret: password}}\n"
COMPONENT = "congress-ha:index:Policies"
STACK = "pulumi:pulumi:Stack"


def check(what: str, text: str = "", **facts: object) -> None:
    """Every fact must be true; the error lists the names of those that are not, and `text`."""
    wrong = [name for name, fact in facts.items() if not fact]
    if wrong:
        sys.exit(f"FAILED: {what}: {', '.join(wrong)}\n{text}")
    print(f"ok: policies: {what}", flush=True)


class Program:
    """The program and its stack. `files`: its policies, none without the setting."""

    def __init__(self, folder: Path) -> None:
        self.program = shutil.copytree(HERE / "policies", folder / "policies")
        self.files = folder / "files"
        (folder / "state-of-policies").mkdir()
        backend = {
            "PULUMI_BACKEND_URL": f"file://{folder}/state-of-policies",
            "PULUMI_CONFIG_PASSPHRASE": "e2e",
        }
        checkout = {"PYTHONPATH": str(HERE.parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
        self.environment = os.environ | backend | checkout
        self.run("stack", "init", "e2e")

    def declare(self, rule: str | None) -> None:
        """A policy with the rule, and a datasource; None: without the setting."""
        shutil.rmtree(self.files, ignore_errors=True)
        if rule is not None:
            (self.files / "datasources").mkdir(parents=True)
            (self.files / "datasources/nova.yaml").write_text(DATASOURCE)
            (self.files / "p.yaml").write_text(f"name: P\nprotect: true\nrules:\n- rule: {rule}\n")

    def run(self, *arguments: str, fails: bool = False, stdin: str = "") -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "-C", str(self.program), "--non-interactive", "--color", "never"],
            env=self.environment | {"FOLDER": str(self.files) if self.files.exists() else ""},
            input=stdin,
            text=True,
            timeout=300,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if (done.returncode != 0) != fails:
            sys.exit(f"FAILED: pulumi {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def state(self) -> dict[str, Any]:
        exported: dict[str, Any] = json.loads(self.run("stack", "export"))
        return exported

    def outputs(self, type_: str) -> dict[str, Any]:
        for one in self.state()["deployment"]["resources"]:
            if one["type"] == type_:
                return dict(one.get("outputs") or {})
        return {}

    def make_old(self) -> None:
        """The whole declaration was an output of the stack, and the component had none."""
        state = self.state()
        resources = {one["type"]: one for one in state["deployment"]["resources"]}
        resources[STACK]["outputs"]["policies"] = resources[COMPONENT].pop("outputs")["applied"]
        self.run("stack", "import", stdin=json.dumps(state))


def rules(declaration: dict[str, Any]) -> list[str]:
    return [*declaration["policies"]["P"]["rules"]]


def check_failures(program: Program) -> None:
    """An `up` that fails, and what the next one does. The last one fails."""
    program.declare("p('refused')")
    program.run(*UP, fails=True)
    kept = rules(program.outputs(COMPONENT)["applied"]) == ["p(2)"]
    check("a refused `up` keeps what was applied", kept=kept)
    program.run(*UP, fails=True)
    program.declare("p(2)")
    text = program.run("preview", "--diff")
    facts = {
        "shown": "the last `up` did not finish" in text and "- rule p('refused') of P: p('refused')" in text,
        "runs": "Policies$command:local:Command::policies]" in text,
        "once": text.count("- rule p('refused')") == 1,
        "hidden": "CANARY" not in text,
    }
    check("what a failed `up` may have done is undone although the folder is the former one", text, **facts)
    program.run(*UP)
    program.run(*UP, "--expect-no-changes")
    program.declare("p('refused')")
    program.run(*UP, fails=True)
    program.declare("p(2)")
    text = program.run(*UP)
    check("also if it failed once more", text, ran="policies updated" in text)
    program.run(*UP, "--expect-no-changes")
    program.declare("p('refused')")
    program.run(*UP, fails=True)
    program.run(*UP, "--target", "urn:pulumi:e2e::policies-e2e::pulumi:pulumi:Stack::policies-e2e-e2e")
    kept = rules(program.outputs(COMPONENT)["applied"]) == ["p(2)"]
    check("a targeted `up` that leaves the step out has applied nothing", kept=kept)


def main(folder: Path) -> None:
    program = Program(folder)
    program.declare(None)
    program.run(*UP)
    check("a stack of a program without policies", nothing="policies" not in program.outputs(STACK))

    program.declare("p(1)")
    text = program.run(*UP)
    applied = program.outputs(COMPONENT)["applied"]
    shown = "policies: 2 changes, in this order:" in text and "+ rule p(1)" in text
    check("its next `up` creates all of them", text, shown=shown, applied=rules(applied) == ["p(1)"])
    check("the state has no secret", hidden="CANARY" not in json.dumps(program.state()))
    summary = program.outputs(STACK)["policies"]
    check("the output is short", text, counts=(summary["policies"], summary["rules"]) == (1, 1))
    program.run(*UP, "--expect-no-changes")

    program.make_old()
    text = program.run("preview")
    unchanged = "policies: " not in text.partition("Outputs:")[0]
    check("an older state: a preview without a change shows none", text, unchanged=unchanged)
    program.declare("p('refused')")
    text = program.run(*UP, fails=True)
    former = program.outputs(STACK)["policies"]
    facts = {"shown": "policies: 2 changes" in text, "kept": rules(former) == ["p(1)"]}
    check("an older state: a refused `up` keeps what was applied", text, **facts)
    program.declare("p(2)")
    text = program.run(*UP)
    shown = "- rule p(1) of P: p(1)" in text and "+ rule p(2) of P: p(2)" in text
    applied = program.outputs(COMPONENT)["applied"]
    check(
        "an older state: the next `up` changes one rule",
        text,
        shown=shown,
        applied=rules(applied) == ["p(2)"],
    )
    program.run(*UP, "--expect-no-changes")

    check_failures(program)
    program.declare("p(2)")
    (program.files / "p.yaml").unlink()
    text = program.run("preview", fails=True)
    refused = "policy P is protected" in text and "Traceback" not in text
    check("what is protected is not deleted, and one error says so", text, refused=refused)

    program.declare(None)
    text = program.run(*UP)
    facts = {"warned": "the setting policies is gone" in text, "gone": not program.outputs(COMPONENT)}
    check("without the setting nothing is deleted, and the preview says so", text, **facts)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
