"""The text of NAME=text reaches its command unchanged, and nothing in it runs on this machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.scripts.support.checkout import ROOT, Checkout

# Each of these would create a file if anything but the target's own command interpreted it.
HARM = [
    "true; touch ran",
    "true && touch ran",
    "$(touch ran)",
    "`touch ran`",
    "$(shell touch ran)",
    "x'; touch ran; '",
    'x"; touch ran; "',
    "x\ntouch ran\n",
    "100 % of $HOME $x $$ # \\ ~ * {a,b}",
    "ümlaut \t and  two blanks",
]
SHOW = "import json, os, sys\nprint(json.dumps(sys.argv[1:]))\n"
# Replaces a command of congress-ha, whose name is the first argument.
SHOW_COMMAND = "import json, sys\nprint(json.dumps(sys.argv[2:]))\nsys.exit()\n"


@pytest.fixture(params=HARM)
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _unharmed(checkout: Checkout) -> bool:
    return not list(checkout.root.rglob("ran"))


def _ssh(checkout: Checkout, arguments: str) -> list[str]:
    checkout.deploy()
    checkout.script("fake/ssh", 'printf "%s\\0" "$@"')
    done = checkout.run("make", "ssh", "HOST=engine-1", f"ARGS={arguments}")
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\0").split("\0")


def test_a_command_reaches_the_host_s_shell_as_it_was_typed(checkout: Checkout, text: str) -> None:
    assert _ssh(checkout, text) == ["-F", "ssh_config", "engine-1", text]
    assert _unharmed(checkout)


def test_options_of_ssh_are_words(checkout: Checkout) -> None:
    words = _ssh(checkout, "-N -L '8404:127.0.0.1:8404' ; `touch ran` $(touch ran)")
    assert words[2:7] == ["engine-1", "-N", "-L", "8404:127.0.0.1:8404", ";"]
    assert _unharmed(checkout)


def test_a_text_in_the_environment_is_the_same(checkout: Checkout, text: str) -> None:
    checkout.deploy()
    checkout.script("fake/ssh", 'printf "%s\\0" "$@"')
    done = checkout.run("make", "ssh", "HOST=engine-1", ARGS=text)
    assert done.stdout.split("\0")[3] == text
    assert _unharmed(checkout)


@pytest.mark.parametrize("target", ["status", "verify"])
def test_arguments_of_tools_are_words(checkout: Checkout, target: str) -> None:
    checkout.deploy()
    checkout.module(target).write_text(SHOW_COMMAND)
    done = checkout.run(
        "make", target, "ARGS=--json 'two words' $(touch ran) `touch ran`; touch ran\ntouch ran"
    )
    arguments = json.loads(done.stdout.splitlines()[-1])
    assert arguments[:2] == ["--json", "two words"]
    assert arguments[2:] == ["$(touch", "ran)", "`touch", "ran`;", "touch", "ran", "touch", "ran"]
    assert _unharmed(checkout)


def test_arguments_of_pulumi_are_words(checkout: Checkout) -> None:
    checkout.deploy()
    done = checkout.run(
        "make", "pulumi", "STACK=prod", "ARGS=stack tag set a '$HOME $(touch ran); **::x' \"it's\""
    )
    assert done.returncode == 0, done.stderr
    assert checkout.calls()[-1]["args"] == ["stack", "tag", "set", "a", "$HOME $(touch ran); **::x", "it's"]
    assert "ARGS" not in checkout.calls()[-1]["env"]
    assert _unharmed(checkout)


def test_an_unclosed_quote_is_reported(checkout: Checkout) -> None:
    done = checkout.run("make", "pulumi", "STACK=prod", "ARGS=stack 'ls")
    assert done.returncode != 0
    assert 'ARGS="stack \'ls": no closing quotation' in done.stderr
    assert checkout.calls() == []


@pytest.mark.parametrize(
    ("target", "name", "expected"),
    [
        ("backup", "FILE", ["--", "{text}"]),
        ("restore", "FILE", ["--", "{text}"]),
        ("restore", "DUMP", ["--dump={text}"]),
        ("replace", "HOST", ["--", "{text}"]),
    ],
)
def test_paths_and_names_reach_the_tool_as_they_were_typed(
    checkout: Checkout, target: str, name: str, expected: list[str], text: str
) -> None:
    checkout.deploy()
    checkout.module(target).write_text(SHOW_COMMAND)
    done = checkout.run("make", target, f"{name}={text}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [word.format(text=text) for word in expected]
    assert _unharmed(checkout)


@pytest.mark.parametrize(
    ("target", "name", "module"),
    [
        ("interruptions", "COUNT", "interruptions"),
        ("interruptions", "SEED", "interruptions"),
        ("bench", "RUNS", "lifecycle"),
        ("bench-faults", "RUNS", "faults"),
        ("bench-faults", "ONLY", "faults"),
        ("faults", "COUNT", "faults"),
        ("faults", "SEED", "faults"),
    ],
)
def test_the_argument_of_a_test_is_one_word(
    checkout: Checkout, target: str, name: str, module: str, text: str
) -> None:
    bench = checkout.root / "tests/bench"
    bench.mkdir(parents=True)
    (bench / f"{module}.py").write_text(SHOW)
    done = checkout.run("make", target, f"{name}={text}")
    assert done.returncode == 0, done.stderr
    assert text in json.loads(done.stdout.splitlines()[-1])
    assert _unharmed(checkout)


def test_the_name_of_a_stack_and_what_the_target_does_not_read_run_nothing(
    checkout: Checkout, text: str
) -> None:
    done = checkout.run("make", "help", f"STACK={text}", f"GONE={text}")
    assert f"now: {text})." in done.stdout
    assert _unharmed(checkout)


@pytest.mark.parametrize("name", ["..", "../..", "a/../b", "-x", "a b", "/etc", "$(touch ran)", "a/b/c/d"])
@pytest.mark.parametrize("target", ["up", "down", "status", "output", "ssh", "pulumi", "replace", "restore"])
def test_a_stack_s_name_cannot_leave_its_folder(checkout: Checkout, target: str, name: str) -> None:
    outside = checkout.root.parent / "outside"
    outside.touch()
    done = checkout.run("make", target, f"STACK={name}")
    assert done.returncode != 0
    assert "is not a name of a stack" in done.stderr
    assert checkout.calls() == []
    assert outside.exists()


@pytest.mark.parametrize(
    "name", ["pulumi", "pulumi/x/y", "passphrase", "Pulumi.yaml", "Pulumi.dev.yaml", "up-lab.log", "audit"]
)
@pytest.mark.parametrize("target", ["up", "down", "ssh", "pulumi"])
def test_names_of_the_checkout_s_own_files_are_refused_for_a_stack(
    checkout: Checkout, target: str, name: str
) -> None:
    checkout.deploy()
    before = sorted((checkout.root / ".state").rglob("*"))
    done = checkout.run("make", target, f"STACK={name}")
    assert done.returncode != 0
    assert (
        f"STACK={name} cannot be used: .state/{Path(name).parts[0]} belongs to this checkout" in done.stderr
    )
    assert checkout.calls() == []
    assert sorted((checkout.root / ".state").rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["prod", "pulumi-2", "organization/pulumi/prod", "organization/congress-ha/prod-2", "a.b_c"]
)
def test_the_names_that_pulumi_knows_are_taken(checkout: Checkout, name: str) -> None:
    done = checkout.run("make", "output", f"STACK={name}")
    assert done.returncode == 0, done.stderr
    assert checkout.calls()[-1]["env"]["PULUMI_STACK"] == name


def test_no_recipe_line_contains_text_of_the_user() -> None:
    """Recipes let make expand only $(MAKE)."""
    recipes = re.findall(r"^\t.*(?:\\\n.*)*", Path(ROOT / "Makefile").read_text(), re.MULTILINE)
    expanded = {name for recipe in recipes for name in re.findall(r"(?<!\$)\$[({]([^)}]*)", recipe)}
    assert recipes
    assert expanded <= {"MAKE"}
