"""The targets that work on a deployed stack: they reach their command, or name what is missing."""

from __future__ import annotations

import json
import stat

import pytest

from tests.scripts.support.checkout import OUTPUTS, Checkout


def test_output_prints_one_json_object_and_nothing_else(checkout: Checkout) -> None:
    checkout.deploy()
    assert json.loads(checkout.run("make", "output").stdout) == OUTPUTS
    assert json.loads(checkout.run("make", "-s", "-C", str(checkout.root), "output").stdout) == OUTPUTS
    checkout.run("make", "output", "SECRETS=1")
    assert [call["args"][2:] for call in checkout.calls()] == [
        ["--json"],
        ["--json"],
        ["--json", "--show-secrets"],
    ]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (
            "error: no stack selected; please use `pulumi stack select` to choose one",
            (
                "stack mine is not in this backend: correct STACK or PULUMI_BACKEND_URL, or create it: "
                "make pulumi STACK=mine ARGS='stack init mine'"
            ),
        ),
        (
            "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions",
            (
                "no backend is selected for stack mine: set PULUMI_BACKEND_URL, or pulumi login "
                "(docs/install.md, State and passphrase)"
            ),
        ),
    ],
)
@pytest.mark.parametrize("target", ["up", "preview", "output", "ssh", "status", "backup", "down"])
def test_a_missing_stack_is_reported(checkout: Checkout, target: str, message: str, problem: str) -> None:
    """Pulumi's own message names neither the stack nor a remedy that works here."""
    words = ["FILE=x"] if target == "backup" else []
    done = checkout.run("make", target, "STACK=mine", *words, NO_STACK=message)
    assert done.returncode == 2
    # The error of a stage of `up` is in its log, and on the terminal as the program's output.
    lines = [line.removeprefix(f"{target}: ") for line in (done.stdout + done.stderr).splitlines()]
    assert problem in lines
    assert "stack select" not in done.stdout + done.stderr
    assert checkout.calls() == []


def test_a_new_stack_is_made_where_there_is_none(checkout: Checkout) -> None:
    done = checkout.run("make", "pulumi", "STACK=mine", "ARGS=stack init mine", NO_STACK="no stack selected")
    assert done.returncode == 0, done.stderr
    assert checkout.calls()[-1]["args"] == ["stack", "init", "mine"]


@pytest.mark.parametrize("words", ["stack", "stack export", "stack history"])
def test_pulumi_s_own_commands_report_a_missing_stack_dev(checkout: Checkout, words: str) -> None:
    done = checkout.run("make", "pulumi", f"ARGS={words}")
    assert done.returncode == 2
    assert done.stderr.startswith("nothing is deployed on stack dev: make up\n")
    assert checkout.calls() == []


@pytest.mark.parametrize("target", ["output", "ssh"])
def test_a_missing_deployment_is_reported(checkout: Checkout, target: str) -> None:
    done = checkout.run("make", target)
    assert done.returncode != 0
    assert done.stderr.startswith("nothing is deployed on stack dev: make up\n")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["backup"], "backup: name a file that does not exist yet: make backup FILE=..."),
        (["backup", "FILE=x"], "backup: nothing is deployed on stack dev: make up"),
        (["restore", "FILE=x"], "restore: nothing is deployed on stack dev: make up"),
    ],
)
def test_missing_arguments_of_a_backup_are_reported(
    checkout: Checkout, words: list[str], problem: str
) -> None:
    done = checkout.run("make", *words)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == problem


def test_confirm_dead_passes_its_host_on_without_executing_it(checkout: Checkout) -> None:
    checkout.deploy()
    (checkout.root / "ops/replacement/confirm_dead.py").write_text(
        "import sys\nprint(sys.argv[2:])\nsys.exit()\n"
    )
    output = checkout.run("make", "confirm-dead", "HOST=a'b; touch $(echo run)").stdout
    assert output.splitlines()[-1] == str(["--", "a'b; touch $(echo run)"])
    assert not list(checkout.root.rglob("run"))


def test_backup_and_restore_pass_paths_and_names_on(checkout: Checkout) -> None:
    checkout.deploy()
    data = checkout.root / "ops/data"
    for name in ("backup", "restore"):
        (data / f"{name}.py").write_text(
            "import os, sys\nprint(os.environ['STACK'], sys.argv[2:])\nsys.exit()\n"
        )
    output = checkout.run("make", "backup", "FILE=my backup").stdout
    assert output.splitlines()[-1] == f"dev {['--', 'my backup']}"
    output = checkout.run("make", "restore", "FILE=my backup").stdout
    assert output.splitlines()[-1] == f"dev {['--', 'my backup']}"
    output = checkout.run("make", "restore", "DUMP=a dump").stdout
    assert output.splitlines()[-1] == f"dev {['--dump=a dump']}"
    assert checkout.run("make", "restore").stdout.splitlines()[-1] == "dev []"


def test_ssh_writes_private_files_and_uses_them(checkout: Checkout) -> None:
    checkout.deploy()
    checkout.script("fake/ssh", 'pwd; printf "%s\\n" "$@"')
    done = checkout.run("make", "ssh", "HOST=engine-1", "ARGS=uptime -p")
    folder = checkout.root / ".state/dev"
    assert done.stdout.splitlines() == [str(folder), "-F", "ssh_config", "engine-1", "uptime -p"], done.stderr
    for name, output in {
        "ssh_config": "ssh_config",
        "known_hosts": "ssh_known_hosts",
        "id_ed25519": "ssh_private_key",
    }.items():
        assert (folder / name).read_text() == OUTPUTS[output]
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("host", "problem"), [("", "name a host"), ("engine-9", "no host 'engine-9' on this stack")]
)
def test_ssh_to_an_unknown_host_names_the_known_ones(checkout: Checkout, host: str, problem: str) -> None:
    checkout.deploy()
    done = checkout.run("make", "ssh", f"HOST={host}")
    assert f"ssh: {problem}: make ssh HOST=... with one of bastion, engine-1\n" in done.stderr
    assert not (checkout.root / ".state/dev").exists()
