"""Targets and settings of the Makefile: which exist, and which are refused before anything runs."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.support import deployment
from tests.acceptance.support.deployment import Deployment
from tests.scripts.support.checkout import ROOT, Checkout
from tests.support.programs import run

MAKEFILE = (ROOT / "Makefile").read_text()

TARGETS = set(re.findall(r"^([a-z][a-z-]*):(?!=)", MAKEFILE, re.MULTILINE))

CONTRACT = {
    "up",
    "down",
    "test",
    "lint",
    "test-toolchain",
    "acceptance",
    "lab-up",
    "lab-down",
    "lab-purge",
} | {
    "backup",
    "restore",
    "confirm-dead",
    "bench",
    "pulumi",
    "output",
    "preview",
    "replace",
    "ssh",
    "status",
    "verify",
    "repair",
    "help",
}


def test_every_promised_target_exists() -> None:
    assert CONTRACT <= TARGETS


def test_every_target_is_listed_by_help_and_no_file_hides_it(checkout: Checkout) -> None:
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", checkout.run("make").stdout, re.MULTILINE))
    assert listed == TARGETS
    assert set(re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)) == TARGETS


@pytest.mark.parametrize("name", ["STAK", "stack", "TARGET", "HOSTS", "GON", "LAB_STAT", "STACK%", "LAB_"])
@pytest.mark.parametrize("target", ["down", "lab-purge", "up"])
def test_a_misspelt_setting_is_refused_before_anything_runs(
    checkout: Checkout, target: str, name: str
) -> None:
    checkout.deploy()
    done = checkout.run("make", target, f"{name}=test")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"nothing was done: there is no setting {name}; the settings are STACK HOST" in line
    assert (checkout.root / ".state/passphrase").exists()
    assert checkout.calls() == []


@pytest.mark.parametrize(
    "words", [["HOST=a", "HOST=b"], ["HOST=a", "HOST=a"], ["HOST=a", "FILE=x", "HOST:=b"]]
)
@pytest.mark.parametrize("target", ["replace", "confirm-dead", "ssh"])
def test_a_setting_that_is_given_twice_is_refused_before_anything_runs(
    checkout: Checkout, target: str, words: list[str]
) -> None:
    """Without the check, make silently takes the last one."""
    checkout.deploy()
    words = [word for word in words if target == "replace" or not word.startswith("FILE")]
    done = checkout.run("make", target, *words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "nothing was done: HOST is given twice: give it once" in line
    assert checkout.calls() == []


@pytest.mark.parametrize("words", ["x HOST=b", "x\nHOST=b", "HOST=b\nHOST=c"])
def test_an_assignment_inside_a_text_is_no_setting(checkout: Checkout, words: str) -> None:
    done = checkout.run("make", "help", "HOST=a", f"ARGS={words}")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_an_earlier_command_left_in_the_environment_is_no_setting(checkout: Checkout) -> None:
    """Otherwise an exported FILE would replace the database's data, and an exported GONE would confirm a loss."""
    # In place of its own recipe, of which make warns.
    printed = 'help:\n\t@echo "$${HOST:-}$${FILE:-}$${DUMP:-}$${GONE:-}."\n'
    (checkout.root / "print.mk").write_text(f"include Makefile\n{printed}")
    left = dict.fromkeys(("HOST", "FILE", "DUMP", "GONE"), "x")
    words = ("make", "--file=print.mk", "help")
    assert checkout.run(*words, **left).stdout == ".\n"
    assert checkout.run(*words, "HOST=y", **left).stdout == "y.\n"


def test_an_empty_stack_is_not_dev(checkout: Checkout) -> None:
    checkout.deploy()
    done = checkout.run("make", "down", "STACK=")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("STACK='' is not a name of a stack")
    assert checkout.calls() == []


OF_DEV = sorted(
    t for t in TARGETS if t.startswith(("acceptance", "bench")) or t in {"faults", "interruptions"}
)


@pytest.mark.parametrize("target", OF_DEV)
def test_targets_that_disrupt_stack_dev_refuse_another_stack(checkout: Checkout, target: str) -> None:
    """Its scripts run scripts/pulumi, and would have interrupted and destroyed the stack that STACK names."""
    for words, env in (([target, "STACK=prod"], {}), ([target], {"STACK": "prod"})):
        done = checkout.run("make", *words, **env)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"nothing was done: {target} is only for stack dev, and STACK is prod" in done.stderr
        assert checkout.calls() == []


def test_scripts_that_disrupt_stack_dev_refuse_another_stack_without_make(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STACK", "prod")
    with pytest.raises(SystemExit, match="for stack dev alone, and STACK is prod: nothing was done"):
        Deployment(tmp_path)
    monkeypatch.setenv("STACK", "dev")
    monkeypatch.setattr(deployment, "require_lab", lambda: None)
    Deployment(tmp_path)


@pytest.mark.parametrize(
    "script", ["faults measure", "faults sequence", "changes", "interruptions", "data"], ids=str
)
def test_without_a_lab_they_report_that(tmp_path: Path, script: str) -> None:
    env = {**os.environ, "STACK": "dev", "LAB_STATE": str(tmp_path)}
    done = run(ROOT / ".venv/bin/python", "-m", *f"tests.bench.{script}".split(), env=env)
    assert (done.returncode, done.stdout) == (1, "")
    message = f"there is no lab on this machine ({tmp_path}/clouds.yaml is missing): make lab-up"
    assert done.stderr == f"{message}; this is for its stack dev alone: nothing was done\n"


@pytest.mark.parametrize(
    "words", [["down", "prod"], ["prod", "down"], ["down", "ups"], ["down", "$(touch ran)"]]
)
def test_an_unknown_target_is_refused_before_anything_runs(checkout: Checkout, words: list[str]) -> None:
    done = checkout.run("make", *words, STACK="mine")
    assert (done.returncode, done.stdout) == (2, "")
    (word,) = {*words} - {"down"}
    (line,) = done.stderr.splitlines()
    assert f"nothing was done: there is no target {word}; `make help` lists them" in line
    assert not (checkout.root / "ran").exists()
    assert checkout.calls() == []


def test_every_documented_setting_is_accepted(checkout: Checkout) -> None:
    """Settings that the Makefile, its help and the documents name, and those of the lab and of other programs."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "scripts").glob("*[!c]")]
    texts = [MAKEFILE, *(page.read_text() for page in pages if page.is_file())]
    named = set(re.findall(r"\$\$\{?([A-Z]+)", MAKEFILE))
    named |= {name for text in texts for name in re.findall(r"\bmake [a-z-]+ ([A-Z]+)=", text)}
    named |= set(
        re.findall(r"\b([A-Z]+)=", " ".join(re.findall(r"^[a-z-]+:.*## (.+)$", MAKEFILE, re.MULTILINE)))
    )
    named -= {"STAK", "PPID"}  # the example of a misspelt one; the shell's own
    assert {"STACK", "HOST", "FILE", "DUMP", "COUNT", "PYTHON", "SECRETS", "DURATION", "FAULTS"} <= named
    lab = re.findall(r"\$\{(LAB_[A-Z_]+):=", (ROOT / "lab/lab.env").read_text())
    assert len(lab) > 20
    foreign = [
        "OS_CLOUD",
        "PULUMI_BACKEND_URL",
        "https_proxy",
        "HTTPS_PROXY",
        "GOPROXY",
        "SHELL",
        "MAKEFLAGS",
    ]
    given = [f"{name}=" for name in sorted(named - {"SHELL"})] + [
        f"{name}=x" for name in [*lab, *foreign[:-2]]
    ]
    done = checkout.run("make", "help", *given, "SHELL=/bin/bash", "MAKEFLAGS=-s")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["down", "HOST=engine-1"], "HOST is not a setting of `make down`, which takes GONE STACK"),
        (
            ["restore", "FILE=x", "HOST=y"],
            "HOST is not a setting of `make restore`, which takes DUMP FILE STACK",
        ),
        (
            ["status", "verify", "FILE=x"],
            "FILE is not a setting of `make status`, which takes ARGS STACK",
        ),
        (["ssh", "down", "HOST=x"], "HOST is not a setting of `make down`, which takes GONE STACK"),
        (["lab-purge", "STACK=mine"], "STACK is not a setting of `make lab-purge`, which takes none"),
    ],
)
def test_a_setting_that_the_target_does_not_read_is_refused(
    checkout: Checkout, words: list[str], problem: str
) -> None:
    """If ignored, it would change the meaning of the command: `down HOST=x` would remove all hosts."""
    checkout.deploy()
    done = checkout.run("make", *words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"nothing was done: {problem}" in line
    assert checkout.calls() == []


def _settings(rule: str) -> set[str]:
    """The settings that a recipe or its help line names."""
    return {name for pair in re.findall(r"\$\$\{([A-Z]+)|\b([A-Z]+)=", rule) for name in pair if name}


def test_every_target_takes_what_it_reads(checkout: Checkout) -> None:
    rules = re.findall(r"^([a-z][a-z-]*):(?!=)(.*\n(?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    assert {name for name, _ in rules} == TARGETS
    read = {name: _settings(rule) - {"ACCEPTANCE"} for name, rule in rules}
    # `make acceptance-full` passes settings on, and `make help` names those of others.
    for name in TARGETS - {"help", "acceptance-full"}:
        done = checkout.run("make", "-n", name, *(f"{setting}=1" for setting in sorted(read[name])))
        assert "is not a setting" not in done.stderr, done.stderr
    assert read["bench-data"] == {"ROWS", "DURATION", "TABLES", "ENGINES", "FAULTS", "SERVERS"}


def test_the_tests_of_stack_dev_ignore_another_stack() -> None:
    """Even if STACK is in the environment: they destroy what they deployed."""
    show = "import os; import tests.acceptance.support.deployment; print(os.environ['STACK'])"
    done = subprocess.run(
        [sys.executable, "-c", show],
        cwd=ROOT,
        env=os.environ | {"STACK": "mine"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "dev\n"


def test_variables_of_the_environment_are_not_checked(checkout: Checkout) -> None:
    done = checkout.run("make", "down", STAK="test", MAKEFLAGS="-k")
    assert (done.returncode, done.stdout) == (0, "down: nothing is deployed on stack dev\n")


def test_a_shell_that_completes_words_gets_the_targets(checkout: Checkout) -> None:
    """With the arguments of bash-completion."""
    output = checkout.run("make", "-npq", "__BASH_MAKE_COMPLETION__=1", ".DEFAULT").stdout
    assert set(re.findall(r"^([a-z][a-z-]*):(?!=)", output, re.MULTILINE)) >= TARGETS


def test_every_command_of_the_makefile_is_executable() -> None:
    ours = set(re.findall(r"@((?:scripts|toolchain|lab)/[a-z-]+)", MAKEFILE))
    assert ours
    assert [path for path in sorted(ours) if not (ROOT / path).stat().st_mode & stat.S_IXUSR] == []
