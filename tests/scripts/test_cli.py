"""`congress-ha` without make: a stack by option or environment, its version, its errors without a deployment."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from ops.cli import COMMANDS
from tests.scripts.support.checkout import OUTPUTS, ROOT, Checkout

HERE = (".venv/bin/python", "-m", "ops")


@pytest.mark.parametrize("name", ["status", "verify", "repair", "restore", "replace", "confirm-dead"])
def test_commands_that_need_a_deployment_report_that_there_is_none(checkout: Checkout, name: str) -> None:
    done = checkout.run(*HERE, name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{name}: nothing is deployed on stack dev: make up\n"
    assert not (checkout.root / ".state").exists()


def test_the_version_is_the_project_s(checkout: Checkout) -> None:
    done = checkout.run(*HERE, "--version")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert done.stdout == f"{project['version']}\n"
    assert project["scripts"] == {"congress-ha": "ops.cli:main"}


def test_every_command_is_listed_and_has_its_help(checkout: Checkout) -> None:
    listed = checkout.run(*HERE, "--help", COLUMNS="200").stdout
    assert set(re.findall(r"^│ ([a-z-]+) ", listed, re.MULTILINE)) >= COMMANDS.keys()
    assert checkout.run(*HERE, "backup", "--help", COLUMNS="200").stdout.count("must not exist yet") == 1
    assert checkout.calls() == []


@pytest.mark.parametrize("words", [["--stack", "prod", "output"], ["output"]], ids=["option", "environment"])
def test_a_stack_is_named_by_option_or_environment(checkout: Checkout, words: list[str]) -> None:
    env = {} if "--stack" in words else {"STACK": "prod"}
    done = checkout.run(*HERE, *words, **env)
    assert json.loads(done.stdout) == OUTPUTS, done.stderr
    assert checkout.calls()[-1]["env"]["PULUMI_STACK"] == "prod"


def test_the_option_wins(checkout: Checkout) -> None:
    checkout.run(*HERE, "--stack", "prod", "output", "--secrets", STACK="other")
    call = checkout.calls()[-1]
    assert call["env"]["PULUMI_STACK"] == "prod"
    assert call["args"] == ["stack", "output", "--json", "--show-secrets"]


def test_stack_dev_ignores_the_user_s_cloud_and_passphrase(checkout: Checkout) -> None:
    stack = checkout.root / ".state/pulumi/.pulumi/stacks/congress-ha/dev.json"
    stack.parent.mkdir(parents=True)
    stack.touch()
    (checkout.root / ".state/passphrase").write_text("x")
    show = (
        "import json, os\nprint(json.dumps({k: v for k, v in os.environ.items() if k.startswith('OS_')}))\n"
    )
    program = "from ops.stack import environment\nenvironment.enter()\n" + show
    done = checkout.run(".venv/bin/python", "-c", program, OS_AUTH_URL="http://mine", STACK="dev")
    lab = {"OS_CLIENT_CONFIG_FILE": f"{checkout.lab_state}/clouds.yaml", "OS_CLOUD": "lab"}
    assert json.loads(done.stdout) == lab
    done = checkout.run(".venv/bin/python", "-c", program, OS_AUTH_URL="http://mine", STACK="prod")
    assert json.loads(done.stdout) == {"OS_AUTH_URL": "http://mine"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["status", "--jsn"],
            "status: no such option: --jsn (Possible options: --json): congress-ha status --help",
        ),
        (["statuss"], "congress-ha: no such command 'statuss': congress-ha --help"),
        (
            ["replace", "a", "b", "c"],
            "replace: got unexpected extra argument(s) (c): congress-ha replace --help",
        ),
        (["--stack"], "congress-ha: option '--stack' requires an argument: congress-ha --help"),
        (["backup", "--\x1b[31mü"], "backup: no such option: --\\x1b[31mü: congress-ha backup --help"),
    ],
)
def test_wrong_arguments_are_refused_in_one_sentence_without_a_box(
    checkout: Checkout, words: list[str], message: str
) -> None:
    stack = [] if "--stack" in words else ["--stack", "prod"]
    done = checkout.run(*HERE, *stack, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{message} shows what it takes\n"
    assert checkout.calls() == []


@pytest.mark.parametrize(
    ("words", "env"),
    [(["--stack", "", "down"], {}), (["down"], {"STACK": ""})],
    ids=["option", "environment"],
)
def test_an_empty_name_is_not_stack_dev(checkout: Checkout, words: list[str], env: dict[str, str]) -> None:
    """A shell's variable that was not set: `--stack "$MINE" down` would have removed dev."""
    (checkout.root / ".state/pulumi/.pulumi/stacks/congress-ha").mkdir(parents=True)
    (checkout.root / ".state/pulumi/.pulumi/stacks/congress-ha/dev.json").touch()
    done = checkout.run(*HERE, *words, **env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("STACK='' is not a name of a stack")
    assert checkout.calls() == []


def test_arguments_for_pulumi_are_passed_to_it(checkout: Checkout) -> None:
    done = checkout.run(*HERE, "--stack", "prod", "pulumi", "stack", "history", "--json")
    assert done.returncode == 0, done.stderr
    assert checkout.calls()[-1]["args"] == ["stack", "history", "--json"]


def test_outside_of_a_checkout_it_says_how_it_is_installed(checkout: Checkout, tmp_path: Path) -> None:
    (checkout.root / "scripts/common.sh").unlink()
    done = checkout.run(*HERE, "status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"congress-ha: {tmp_path}/checkout is not a checkout of congress-ha: run pip install --editable . in one\n"
    )
