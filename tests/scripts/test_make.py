from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.support import deployment
from tests.acceptance.support.deployment import Deployment
from tests.scripts.checkout import OUTPUTS, ROOT, Checkout
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
    _deployed(checkout)
    done = checkout.run("make", target, f"{name}=test")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"nothing was done: there is no setting {name}; known are STACK HOST" in line
    assert (checkout.root / ".state/passphrase").exists()
    assert checkout.calls() == []


OF_DEV = sorted(
    t for t in TARGETS if t.startswith(("acceptance", "bench")) or t in {"faults", "interruptions"}
)


@pytest.mark.parametrize("target", OF_DEV)
def test_what_breaks_stack_dev_is_not_done_to_another_one(checkout: Checkout, target: str) -> None:
    """Its scripts run scripts/pulumi, and would have cut off and destroyed the stack that STACK names."""
    for words, env in (([target, "STACK=prod"], {}), ([target], {"STACK": "prod"})):
        done = checkout.run("make", *words, **env)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"nothing was done: {target} is for stack dev alone, and STACK is prod" in done.stderr
        assert checkout.calls() == []


def test_nor_by_a_script_that_is_run_without_make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STACK", "prod")
    with pytest.raises(SystemExit, match="for stack dev alone, and STACK is prod: nothing was done"):
        Deployment(tmp_path)
    monkeypatch.setenv("STACK", "dev")
    monkeypatch.setattr(deployment, "require_lab", lambda: None)
    Deployment(tmp_path)


@pytest.mark.parametrize(
    "script", ["faults measure", "faults sequence", "changes", "interruptions", "data"], ids=str
)
def test_where_there_is_no_lab_they_say_so(tmp_path: Path, script: str) -> None:
    env = {**os.environ, "STACK": "dev", "LAB_STATE": str(tmp_path)}
    done = run(ROOT / ".venv/bin/python", "-m", *f"tests.bench.{script}".split(), env=env)
    assert (done.returncode, done.stdout) == (1, "")
    told = f"there is no lab on this machine ({tmp_path}/clouds.yaml is missing): make lab-up"
    assert done.stderr == f"{told}; this is for its stack dev alone: nothing was done\n"


@pytest.mark.parametrize(
    "words", [["down", "prod"], ["prod", "down"], ["down", "ups"], ["down", "$(touch ran)"]]
)
def test_a_word_that_is_no_target_is_refused_before_anything_runs(
    checkout: Checkout, words: list[str]
) -> None:
    done = checkout.run("make", *words, STACK="mine")
    assert (done.returncode, done.stdout) == (2, "")
    (word,) = {*words} - {"down"}
    (line,) = done.stderr.splitlines()
    assert f"nothing was done: there is no target {word}; `make help` lists them" in line
    assert not (checkout.root / "ran").exists()
    assert checkout.calls() == []


def test_every_setting_that_is_read_is_known(checkout: Checkout) -> None:
    """What the Makefile, its help and the documents name, and the lab's and other programs' own."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "scripts").glob("*[!c]")]
    texts = [MAKEFILE, *(page.read_text() for page in pages if page.is_file())]
    named = set(re.findall(r"\$\$\{?([A-Z]+)", MAKEFILE))
    named |= {name for text in texts for name in re.findall(r"\bmake [a-z-]+ ([A-Z]+)=", text)}
    named |= set(
        re.findall(r"\b([A-Z]+)=", " ".join(re.findall(r"^[a-z-]+:.*## (.+)$", MAKEFILE, re.MULTILINE)))
    )
    named -= {"STAK"}  # the example of a misspelt one
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
        (["down", "HOST=engine-1"], "HOST is no setting of `make down`, which takes GONE STACK"),
        (
            ["restore", "FILE=x", "HOST=y"],
            "HOST is no setting of `make restore`, which takes DUMP FILE STACK",
        ),
        (
            ["status", "verify", "FILE=x"],
            "FILE is no setting of `make status`, which takes ARGS STACK",
        ),
        (["ssh", "down", "HOST=x"], "HOST is no setting of `make down`, which takes GONE STACK"),
        (["lab-purge", "STACK=mine"], "STACK is no setting of `make lab-purge`, which takes none"),
    ],
)
def test_a_setting_that_the_target_does_not_read_is_refused(
    checkout: Checkout, words: list[str], problem: str
) -> None:
    """Left out, it would change what the command means: `down HOST=x` removes all hosts."""
    _deployed(checkout)
    done = checkout.run("make", *words)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"nothing was done: {problem}" in line
    assert checkout.calls() == []


def _settings(rule: str) -> set[str]:
    """What a recipe or its line in the list names."""
    return {name for pair in re.findall(r"\$\$\{([A-Z]+)|\b([A-Z]+)=", rule) for name in pair if name}


def test_every_target_takes_what_it_reads(checkout: Checkout) -> None:
    rules = re.findall(r"^([a-z][a-z-]*):(?!=)(.*\n(?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    assert {name for name, _ in rules} == TARGETS
    read = {name: _settings(rule) - {"ACCEPTANCE"} for name, rule in rules}
    # What `make acceptance-full` and `make help` hand on or say is not theirs.
    for name in TARGETS - {"help", "acceptance-full"}:
        done = checkout.run("make", "-n", name, *(f"{setting}=1" for setting in sorted(read[name])))
        assert "is no setting" not in done.stderr, done.stderr
    assert read["bench-data"] == {"ROWS", "DURATION", "TABLES", "FAULTS", "SERVERS"}


def test_the_tests_of_stack_dev_reach_no_other_one() -> None:
    """Of a STACK in the environment too: they destroy what they deployed."""
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


def test_what_the_environment_has_is_not_the_command_line_s(checkout: Checkout) -> None:
    done = checkout.run("make", "down", STAK="test", MAKEFLAGS="-k")
    assert (done.returncode, done.stdout) == (0, "down: nothing is deployed on stack dev\n")


def test_a_shell_that_completes_words_gets_the_targets(checkout: Checkout) -> None:
    """As bash-completion asks."""
    told = checkout.run("make", "-npq", "__BASH_MAKE_COMPLETION__=1", ".DEFAULT").stdout
    assert set(re.findall(r"^([a-z][a-z-]*):(?!=)", told, re.MULTILINE)) >= TARGETS


def test_every_command_of_the_makefile_is_there() -> None:
    ours = set(re.findall(r"@((?:scripts|toolchain|lab)/[a-z-]+)", MAKEFILE))
    assert ours
    assert [path for path in sorted(ours) if not (ROOT / path).stat().st_mode & stat.S_IXUSR] == []


def _deployed(checkout: Checkout) -> None:
    stack = checkout.root / ".state/pulumi/.pulumi/stacks/congress-ha/dev.json"
    stack.parent.mkdir(parents=True)
    stack.touch()
    (checkout.root / ".state/pulumi/lab-of-dev").write_text(f"{checkout.lab_state}\n")
    (checkout.root / ".state/passphrase").write_text("x")


def test_output_prints_one_json_object_and_nothing_else(checkout: Checkout) -> None:
    _deployed(checkout)
    assert json.loads(checkout.run("make", "output").stdout) == OUTPUTS
    assert json.loads(checkout.run("make", "-s", "-C", str(checkout.root), "output").stdout) == OUTPUTS
    checkout.run("make", "output", "SECRETS=1")
    assert [call["args"][2:] for call in checkout.calls()] == [
        ["--json"],
        ["--json"],
        ["--json", "--show-secrets"],
    ]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            "error: no stack selected; please use `pulumi stack select` to choose one",
            (
                "stack mine is not in this backend: correct STACK or PULUMI_BACKEND_URL, or make it: "
                "make pulumi STACK=mine ARGS='stack init mine'"
            ),
        ),
        (
            "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions",
            (
                "no backend is chosen in which stack mine is: set PULUMI_BACKEND_URL, or pulumi login "
                "(docs/install.md, State and passphrase)"
            ),
        ),
    ],
)
@pytest.mark.parametrize("target", ["up", "preview", "output", "ssh", "status", "backup", "down"])
def test_a_stack_that_is_not_there_is_said(checkout: Checkout, target: str, said: str, problem: str) -> None:
    """Pulumi's own word names neither the stack nor a way out that is one here."""
    words = ["FILE=x"] if target == "backup" else []
    done = checkout.run("make", target, "STACK=mine", *words, NO_STACK=said)
    assert done.returncode == 2
    # What a stage of `up` says is in its log, too, and on the terminal as the program's own output.
    lines = [line.removeprefix(f"{target}: ") for line in (done.stdout + done.stderr).splitlines()]
    assert problem in lines
    assert "stack select" not in done.stdout + done.stderr
    assert checkout.calls() == []


def test_a_new_stack_is_made_where_there_is_none(checkout: Checkout) -> None:
    done = checkout.run("make", "pulumi", "STACK=mine", "ARGS=stack init mine", NO_STACK="no stack selected")
    assert done.returncode == 0, done.stderr
    assert checkout.calls()[-1]["args"] == ["stack", "init", "mine"]


@pytest.mark.parametrize("words", ["stack", "stack export", "stack history"])
def test_of_dev_pulumi_s_own_commands_say_so_too(checkout: Checkout, words: str) -> None:
    done = checkout.run("make", "pulumi", f"ARGS={words}")
    assert done.returncode == 2
    assert done.stderr.startswith("nothing is deployed on stack dev: make up\n")
    assert checkout.calls() == []


@pytest.mark.parametrize("target", ["output", "ssh"])
def test_nothing_deployed_is_said(checkout: Checkout, target: str) -> None:
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
def test_what_a_backup_needs_is_said(checkout: Checkout, words: list[str], problem: str) -> None:
    done = checkout.run("make", *words)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == problem


def test_confirm_dead_hands_its_host_over_and_runs_nothing_of_it(checkout: Checkout) -> None:
    _deployed(checkout)
    (checkout.root / "ops/replacement/confirm_dead.py").write_text(
        "import sys\nprint(sys.argv[2:])\nsys.exit()\n"
    )
    told = checkout.run("make", "confirm-dead", "HOST=a'b; touch $(echo run)").stdout
    assert told.splitlines()[-1] == str(["--", "a'b; touch $(echo run)"])
    assert not list(checkout.root.rglob("run"))


def test_backup_and_restore_hand_paths_and_names_over(checkout: Checkout) -> None:
    _deployed(checkout)
    data = checkout.root / "ops/data"
    for name in ("backup", "restore"):
        (data / f"{name}.py").write_text(
            "import os, sys\nprint(os.environ['STACK'], sys.argv[2:])\nsys.exit()\n"
        )
    told = checkout.run("make", "backup", "FILE=my backup").stdout
    assert told.splitlines()[-1] == f"dev {['--', 'my backup']}"
    told = checkout.run("make", "restore", "FILE=my backup").stdout
    assert told.splitlines()[-1] == f"dev {['--', 'my backup']}"
    told = checkout.run("make", "restore", "DUMP=a dump").stdout
    assert told.splitlines()[-1] == f"dev {['--dump=a dump']}"
    assert checkout.run("make", "restore").stdout.splitlines()[-1] == "dev []"


def test_ssh_writes_private_files_and_goes_by_them(checkout: Checkout) -> None:
    _deployed(checkout)
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
    _deployed(checkout)
    done = checkout.run("make", "ssh", f"HOST={host}")
    assert f"ssh: {problem}: make ssh HOST=... with one of bastion, engine-1\n" in done.stderr
    assert not (checkout.root / ".state/dev").exists()


def test_up_of_another_stack_is_just_the_program(checkout: Checkout) -> None:
    done = checkout.run("make", "up", "STACK=prod")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^== (\w+): (?!done)", done.stdout, re.MULTILINE) == ["venv", "toolchain", "program"]
    assert "Congress is up: https://192.0.2.10:1789\n" in done.stdout
    assert "\n  curl -s --cacert .state/prod/ca.pem https://192.0.2.10:1789/v1/policies\n" in done.stdout
    assert (checkout.root / ".state/prod/ca.pem").read_text() == "AUTHORITY\n"
    assert "\n  make status STACK=prod\n" in done.stdout
    assert "make ssh STACK=prod HOST=engine-1" in done.stdout
    export, up, output = checkout.calls()
    assert export["args"] == ["stack", "export", "--non-interactive"]
    assert up["args"] == ["up", "--yes", "--skip-preview", "--non-interactive"]
    assert output["args"] == ["stack", "output", "--json"]


def test_a_failing_stage_is_named_with_its_log_and_stops_the_rest(checkout: Checkout) -> None:
    checkout.script("lab/up", "echo no root; exit 1")
    done = checkout.run("make", "up")
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("up: ")]
    assert re.fullmatch(r"up: stage lab failed after \d+ s; log: \.state/up-lab\.log; try: make lab-up", line)
    assert (checkout.root / ".state/up-lab.log").read_text() == "no root\n"
    assert checkout.calls() == []


def test_down_without_a_deployment_says_so(checkout: Checkout) -> None:
    done = checkout.run("make", "down")
    assert (done.returncode, done.stdout) == (0, "down: nothing is deployed on stack dev\n")


def test_down_of_another_stack_keeps_its_configuration(checkout: Checkout) -> None:
    done = checkout.run("make", "down", "STACK=prod")
    assert done.returncode == 0, done.stderr
    _, destroy, remove = (call["args"] for call in checkout.calls())
    # Without a preview Pulumi would remove all that it may before it refuses to remove a protected server (seen).
    assert destroy == ["destroy", "--yes", "--non-interactive"]
    assert remove == ["stack", "rm", "--yes", "--preserve-config", "--non-interactive"]


def test_a_destroy_that_fails_keeps_the_stack(checkout: Checkout) -> None:
    done = checkout.run("make", "down", "STACK=prod", FAIL_ON="destroy")
    assert done.returncode != 0
    assert [call["args"][0] for call in checkout.calls()] == ["stack", "destroy"]


def test_what_is_left_in_the_cloud_keeps_the_stack(checkout: Checkout) -> None:
    done = checkout.run("make", "down", "STACK=prod", LEFT="left: server congress-prod-bastion")
    assert done.returncode != 0
    assert "left: server congress-prod-bastion\ndown: the stack stays until nothing is left" in done.stderr
    assert [call["args"][0] for call in checkout.calls()] == ["stack", "destroy"]


def test_purging_the_lab_forgets_what_dev_had_on_it(checkout: Checkout) -> None:
    _deployed(checkout)
    done = checkout.run("make", "lab-purge")
    assert done.stdout == "lab purged\n", done.stderr
    assert list((checkout.root / ".state").iterdir()) == []


def test_a_purge_of_another_lab_leaves_what_dev_has(checkout: Checkout, tmp_path: Path) -> None:
    _deployed(checkout)
    state, second = checkout.root / ".state/pulumi", tmp_path / "second"
    done = checkout.run("make", "lab-purge", LAB_STATE=str(second))
    assert done.returncode != 0
    told = f"LAB_STATE={second} has no lab, and stack dev is on {checkout.lab_state}: nothing was removed."
    assert told in done.stderr
    assert "lab purged" not in done.stdout
    second.mkdir()
    done = checkout.run("make", "lab-purge", LAB_STATE=str(second))
    assert (
        done.stdout
        == f"lab purged\nlab-purge: stack dev is on the lab of {checkout.lab_state}, so .state stays\n"
    )
    assert state.exists()


def test_of_an_older_stack_the_lab_has_to_be_there(checkout: Checkout) -> None:
    """Which lab it is on was not noted."""
    _deployed(checkout)
    (checkout.root / ".state/pulumi/lab-of-dev").unlink()
    done = checkout.run("make", "lab-purge", LAB_STATE="/nowhere")
    assert done.returncode != 0
    assert "stack dev is on another one: nothing was removed" in done.stderr
    checkout.lab_state.mkdir(exist_ok=True)
    assert checkout.run("make", "lab-purge").stdout == "lab purged\n"
    assert not (checkout.root / ".state/pulumi").exists()


def test_a_lab_that_cannot_be_purged_keeps_the_stack(checkout: Checkout) -> None:
    _deployed(checkout)
    checkout.script("lab/purge", "exit 1")
    assert checkout.run("make", "lab-purge").returncode != 0
    assert (checkout.root / ".state/passphrase").exists()


@pytest.mark.parametrize("python", ["/nowhere/python3", "/bin/true", "/bin/false"])
def test_what_is_no_python_is_named(checkout: Checkout, python: str) -> None:
    (checkout.root / ".venv").unlink()
    done = checkout.run("make", "venv", f"PYTHON={python}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == (
        f"venv: PYTHON={python} is missing or no Python >= 3.11; install one or name one: "
        "make venv PYTHON=/usr/bin/python3.12"
    )


def test_uv_takes_over_pips_settings(checkout: Checkout, tmp_path: Path) -> None:
    pip_conf = tmp_path / "pip.conf"
    pip_conf.write_text("[global]\ncert = /etc/own-ca.pem\nindex-url = http://192.0.2.1/simple\n")
    show = "source scripts/common.sh; uv_like_pip; echo $SSL_CERT_FILE $UV_DEFAULT_INDEX"
    clean = {"SSL_CERT_FILE": "", "UV_DEFAULT_INDEX": ""}
    done = checkout.run(
        "env",
        "-u",
        "PIP_CERT",
        "-u",
        "PIP_INDEX_URL",
        "bash",
        "-c",
        show,
        PIP_CONFIG_FILE=str(pip_conf),
        **clean,
    )
    assert done.stdout == "/etc/own-ca.pem http://192.0.2.1/simple\n", done.stderr
    done = checkout.run("bash", "-c", show, SSL_CERT_FILE="/mine", UV_DEFAULT_INDEX="http://mine")
    assert done.stdout == "/mine http://mine\n"


def _install_validators(checkout: Checkout, ci: str) -> subprocess.CompletedProcess[str]:
    """Install the validators on a system that only lacks dpkg-query, so it is not Debian."""
    checkout.script("files/congress/constraints.txt", "")
    sums = subprocess.run(
        ["bash", "-c", "sha256sum files/congress/constraints.txt scripts/validators | sha256sum"],
        cwd=checkout.root,
        capture_output=True,
        check=True,
    ).stdout
    stamp = checkout.root / ".validators/congress/pins.sha256"
    stamp.parent.mkdir(parents=True)
    stamp.write_bytes(sums)
    few = checkout.root / "few"
    few.mkdir()
    for name in ("bash", "env", "dirname", "sha256sum", "cat", "flock", "mkdir", "python3.11", "cut"):
        if found := shutil.which(name):
            (few / name).symlink_to(found)
    return checkout.run("scripts/validators", PATH=str(few), CI=ci)


def test_validators_that_cannot_be_installed_are_named(checkout: Checkout) -> None:
    done = _install_validators(checkout, ci="")
    assert done.returncode == 0, done.stderr
    assert "not Debian" in done.stdout
    assert "haproxy" in done.stdout
    assert "skipped" in done.stdout


def test_in_ci_a_missing_validator_is_a_failure(checkout: Checkout) -> None:
    done = _install_validators(checkout, ci="true")
    assert done.returncode == 1
    assert "not Debian" in done.stderr
