"""Measures policies as code without a lab: a folder with many policies is checked, tested, previewed and applied.

Congress is real: its Python on this machine checks and tests, and a whole node in one process, with its bus and an
SQLite database, applies as a policy engine's host does. Values are seconds of processor time, from one run. Prints a
table in Markdown.

usage: python -m tests.bench.policies_as_code [POLICIES] [--without PATCH,PATCH]
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.fernet import Fernet

from policy_code import congress, plan
from policy_code.declaration import declaration
from policy_code.folder import Folder, read
from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.policy_code.folders import NOVA, write
from tests.support.programs import congress_python

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {"congress-password": "CANARY"}
CASE = """\
cases:
- name: one of two servers
  given:
    nova:servers:
    - {id: s1, name: web, status: ACTIVE}
    - {id: s2, name: other, status: ACTIVE}
  expect:
    error: [[s1]]
"""


def policy(number: int) -> str:
    """Twenty rules: four facts, twelve tables that use each other, and one of another policy; every tenth acts."""
    rules = [f"listed('{name}')" for name in ("web", "db", f"only-in-{number}")]
    rules += ["t0(id) :- nova:servers(id=id, name=name), listed(name)"]
    rules += [f"t{n}(id) :- t{n - 1}(id), nova:servers(id=id, status=status{n})" for n in range(1, 12)]
    rules += ["off(id) :- nova:servers(id=id, status='SHUTOFF')", "common('web')"]
    rules += ["error(id) :- t11(id), not off(id)"]
    rules += ["warning(id) :- nova:servers(id=id, name=name), P0:common(name), off(id)"]
    acts = number % 10 == 1
    rules += ["execute[nova:servers.pause(id)] :- warning(id)" if acts else "info(id) :- warning(id)"]
    assert len(rules) == 20
    return f"name: P{number}\nrules:\n" + "".join(
        f'- {{name: r{n}, rule: "{r}"}}\n' for n, r in enumerate(rules)
    )


class Bench:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        began = used()
        yield
        self.seconds[name] = used() - began
        print(f"{name}: {self.seconds[name]:.2f} s", file=sys.stderr, flush=True)


def used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def on_host(folder: Path, without: str, steps: list[dict[str, Any]]) -> Iterator[float]:
    (folder / "aes_key").write_text(KEY)
    done = subprocess.run(
        [congress_python(), "-m", "tests.bench.policies_node", folder, without],
        cwd=ROOT,
        env=ENVIRONMENT,
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    for one in json.loads(done.stdout):
        assert not str(one["result"]).startswith(("CallError", "RefusedError", "LookupError")), one["result"]
        yield one["seconds"]


KEY = Fernet.generate_key().decode()


def declared(folder: Folder) -> dict[str, Any]:
    assert folder.problems == []
    return json.loads(json.dumps(declaration(folder, SECRETS, KEY)))  # type: ignore[no-any-return]


def ask(do: str, folder: Folder) -> dict[str, Any]:
    answer = congress.ask(do, folder)
    assert answer["problems"] == [], answer["problems"][:3]
    return answer


def main(
    policies: Annotated[int, typer.Argument(min=1)] = 500,
    without: Annotated[str, typer.Option(help="Patches of congress_runtime/patches that are left out.")] = "",
) -> None:
    bench = Bench()
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "folder"
        files = {f"p{number}": policy(number) for number in range(policies)}
        write(path, datasources__nova=NOVA, **files, **{f"{name}_test": CASE for name in files})
        with bench.phase("files read"):
            folder = read(path)
        with bench.phase("check, which each `preview` and `up` does"):
            ask("check", folder)
        with bench.phase("`policy test`, a case for each policy"):
            answer = ask("test", folder)
        assert len(answer["cases"]) == policies
        new = declared(folder)
        write(path, p1=policy(1).replace("'SHUTOFF'", "'ERROR'"))
        changed = declared(read(path))
        for name, old in (("all new", plan.NOTHING), ("one rule changed", changed)):
            with bench.phase(f"what `preview` shows, {name}"):
                assert plan.lines(old, new)
        empty = Path(temporary) / "node"
        empty.mkdir()
        names = (
            "`up`, all new",
            "`up`, one rule changed",
            "an engine's synchronisation, no change",
            "`make verify`",
        )
        steps: list[dict[str, Any]] = [
            {"apply": new, "record": None, "secrets": SECRETS},
            {"apply": changed, "record": new, "secrets": SECRETS},
            {"synchronize": 1},
            {"verify": changed},
        ]
        for name, seconds in zip(names, on_host(empty, without, steps), strict=True):
            bench.seconds[name] = seconds
    rules = policies * 20
    print(f"\n| {policies} policies, {rules} rules | s |\n|---|---|")
    for name, seconds in bench.seconds.items():
        print(f"| {name} | {seconds:.2f} |")


if __name__ == "__main__":
    typer.run(main)
