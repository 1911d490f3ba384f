from __future__ import annotations

import stat
from http.server import HTTPServer
from pathlib import Path

import pytest
import yaml

from tests.scripts.support.checkout import Checkout, write_clouds

CONFIG_FILE = ".state/Pulumi.dev.yaml"


def test_dev_gets_backend_passphrase_configuration_and_the_labs_cloud(checkout: Checkout) -> None:
    done = checkout.run("scripts/pulumi", "config", OS_AUTH_URL="http://mine", PULUMI_CONFIG_PASSPHRASE="x")
    assert done.returncode == 0, done.stderr
    init, call = checkout.calls()
    state = checkout.root / ".state"
    assert init["args"] == ["-C", str(state), "stack", "init", "dev", "--non-interactive"]
    assert (state / "pulumi/lab-of-dev").read_text() == f"{checkout.lab_state}\n"
    assert call["args"] == ["config", "--config-file", str(checkout.root / CONFIG_FILE)]
    assert call["python"] == str(checkout.root / ".venv/bin")
    assert call["env"] == {
        "PULUMI_STACK": "dev",
        "PULUMI_BACKEND_URL": f"file://{state}/pulumi",
        "PULUMI_CONFIG_PASSPHRASE_FILE": f"{state}/passphrase",
        "OS_CLIENT_CONFIG_FILE": f"{checkout.lab_state}/clouds.yaml",
        "OS_CLOUD": "lab",
    }
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert (state / "pulumi").is_dir()


def test_another_stack_is_the_users_own(checkout: Checkout) -> None:
    mine = {"OS_CLOUD": "mine", "PULUMI_CONFIG_PASSPHRASE": "x", "PULUMI_BACKEND_URL": "file:///mine"}
    done = checkout.run("scripts/pulumi", "up", "--yes", STACK="prod", **mine)
    assert done.returncode == 0, done.stderr
    export, call = checkout.calls()
    assert export["args"] == ["stack", "export", "--non-interactive"]
    assert call["args"] == ["up", "--yes"]
    for done_by in (export, call):
        assert done_by["env"] == {**mine, "PULUMI_STACK": "prod"}
    assert not (checkout.root / ".state").exists()


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_what_pulumi_writes_is_for_its_user_alone(checkout: Checkout, stack: str) -> None:
    done = checkout.run("scripts/pulumi", "stack", "ls", STACK=stack)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(checkout.log.stat().st_mode) == 0o600


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize("level", ["-v=5", "-v 11", "-v9", "--verbose=9", "--verbose 10"])
def test_a_log_with_secrets_is_not_shown(checkout: Checkout, stack: str, level: str) -> None:
    done = checkout.run(
        "scripts/pulumi", "preview", "--logtostderr", *level.split(), STACK=stack, TMPDIR="/a/folder"
    )
    assert done.returncode == 1
    assert "leave --logtostderr out" in done.stderr
    assert "/a/folder/pulumi.*" in done.stderr
    assert checkout.calls() == []


@pytest.mark.parametrize("variable", ["OS_DEBUG", "TF_LOG"])
def test_what_the_provider_tells_the_cloud_is_not_shown(checkout: Checkout, variable: str) -> None:
    done = checkout.run("scripts/pulumi", "up", STACK="prod", **{variable: "1"})
    assert done.returncode == 1
    assert "unset OS_DEBUG TF_LOG" in done.stderr
    assert checkout.calls() == []


@pytest.mark.parametrize("options", [["-v=9"], ["-v=4", "--logtostderr"], ["--logtostderr"]])
def test_other_logs_are_the_users_choice(checkout: Checkout, options: list[str]) -> None:
    mine = {"PULUMI_CONFIG_PASSPHRASE": "x", "PULUMI_BACKEND_URL": "file:///mine"}
    done = checkout.run("scripts/pulumi", "preview", *options, STACK="prod", **mine)
    assert done.returncode == 0, done.stderr
    (call,) = checkout.calls()
    assert call["args"] == ["preview", *options]


def test_configuration_is_made_anew_at_each_run_and_keeps_the_salt(checkout: Checkout) -> None:
    checkout.lab_state.mkdir()
    (checkout.lab_state / "guest-settings.json").write_text('{"pipIndexUrl": "http://192.0.2.1/simple"}')
    checkout.run("scripts/pulumi", "config")
    copy = checkout.root / CONFIG_FILE
    copy.write_text(f"encryptionsalt: v1:salt\n{copy.read_text()}")
    committed = checkout.root / "Pulumi.dev.yaml"
    committed.write_text("config:\n  congress-ha:auth: keystone\n")
    before = committed.read_text()
    checkout.run("scripts/pulumi", "config")
    assert yaml.safe_load(copy.read_text()) == {
        "encryptionsalt": "v1:salt",
        "config": {
            "congress-ha:auth": "keystone",
            "congress-ha:guest": {"pipIndexUrl": "http://192.0.2.1/simple"},
        },
    }
    assert committed.read_text() == before


@pytest.mark.parametrize("subcommand", ["up", "preview", "refresh", "destroy", "import"])
def test_what_needs_the_cloud_is_refused_without_the_lab(checkout: Checkout, subcommand: str) -> None:
    done = checkout.run("scripts/pulumi", subcommand)
    assert done.returncode == 1
    assert done.stderr == (
        f"stack dev: there is no lab on this machine ({checkout.lab_state}/clouds.yaml is missing): "
        "make lab-up\n"
    )
    assert checkout.calls() == []


@pytest.mark.parametrize("subcommand", ["up", "destroy"])
def test_what_an_interrupted_run_left_is_looked_for_first(
    checkout: Checkout, keystone: HTTPServer, subcommand: str
) -> None:
    checkout.lab_state.mkdir()
    write_clouds(checkout.lab_state, keystone.server_port)
    checkout.run("scripts/pulumi", "config")
    done = checkout.run("scripts/pulumi", subcommand)
    assert done.returncode == 0, done.stderr
    export, call = checkout.calls()[-2:]
    assert export["args"] == ["stack", "export", "--non-interactive"]
    assert call["args"] == [subcommand, "--config-file", str(checkout.root / CONFIG_FILE)]
    assert export["env"] == call["env"]


@pytest.mark.parametrize("subcommand", ["up", "destroy"])
def test_what_cannot_be_put_right_stops_the_run(checkout: Checkout, subcommand: str) -> None:
    done = checkout.run("scripts/pulumi", subcommand, STACK="prod", FAIL_ON="export")
    assert done.returncode == 1
    assert "pending: pulumi stack: error: made to fail\n" in done.stderr
    assert [call["args"][1] for call in checkout.calls()] == ["export"]


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize(
    "subcommand", ["up", "update", "watch", "refresh", "import", "destroy", "down", "dn"]
)
def test_whatever_believes_the_cloud_first_looks_whether_it_is_the_stack_s(
    checkout: Checkout, keystone: HTTPServer, subcommand: str, stack: str
) -> None:
    checkout.lab_state.mkdir()
    write_clouds(checkout.lab_state, keystone.server_port)
    refuses = "import sys\nprint('refused', *sys.argv[1:], file=sys.stderr)\nsys.exit(1)\n"
    (checkout.root / "ops/stack/pending.py").write_text(refuses)
    done = checkout.run("scripts/pulumi", subcommand, "--yes", STACK=stack)
    assert done.returncode == 1
    assert "refused" in done.stderr
    assert ("--check-only" in done.stderr) == (subcommand in {"refresh", "import"})
    assert subcommand not in [word for call in checkout.calls() for word in call["args"]]


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize(
    "words",
    [
        "refresh --yes --stack other",
        "destroy --stack=other --yes",
        "up -s other",
        "up -sother",
        "up -s=other",
        "up -yfs other",
        "up -C elsewhere",
        "up -Celsewhere",
        "up -yC elsewhere",
        "up --cwd elsewhere",
        "up --cwd=elsewhere",
        # "--" is the message here, so options may follow.
        "up --message -- --stack other",
    ],
)
def test_no_option_names_another_stack_than_the_one_looked_at(
    checkout: Checkout, words: str, stack: str
) -> None:
    done = checkout.run("scripts/pulumi", *words.split(), STACK=stack)
    assert done.returncode == 1
    assert "name the stack by STACK=" in done.stderr
    assert checkout.calls() == []


@pytest.mark.parametrize(
    "words",
    [
        "--color never refresh --yes",
        "-v=3 up",
        "--non-interactive destroy",
        "--help up",
        "-Celsewhere up",
        "-- up",
    ],
)
def test_no_option_hides_the_subcommand(checkout: Checkout, words: str) -> None:
    done = checkout.run("scripts/pulumi", *words.split(), STACK="prod")
    assert done.returncode == 1
    assert "the subcommand comes first" in done.stderr
    assert checkout.calls() == []


@pytest.mark.parametrize(
    "words",
    [
        "up --yes --skip-preview --non-interactive --config-path --config congress-ha:x=-s -c congress-ha:y=--stack",
        "up -ccongress-ha:keys=Cs -m stack -tstack::C --target urn:pulumi:s::C -xC",
        "preview --suppress-outputs --show-secrets --skip-preview -v=3",
        "config set key -- -secret --stack=x",
        "stack init prod",
        "--version",
        "--help",
        "-h",
    ],
)
def test_other_options_reach_pulumi_as_they_are(checkout: Checkout, words: str) -> None:
    done = checkout.run("scripts/pulumi", *words.split(), STACK="prod")
    assert done.returncode == 0, done.stderr
    assert checkout.calls()[-1]["args"] == words.split()


@pytest.mark.parametrize("stack", ["dev", "prod"])
@pytest.mark.parametrize("words", ["destroy --help", "up -h", "refresh --help --yes", "stack rm --help"])
def test_who_asks_for_help_gets_it_and_nothing_else(checkout: Checkout, words: str, stack: str) -> None:
    done = checkout.run("scripts/pulumi", *words.split(), STACK=stack)
    assert done.returncode == 0, done.stderr
    assert [call["args"] for call in checkout.calls()] == [words.split()]
    assert not (checkout.root / ".state").exists()


@pytest.mark.parametrize("words", ["up --message --help --yes", "destroy --yes -h", "up -- --help"])
def test_help_that_may_be_a_value_spares_no_look(checkout: Checkout, words: str) -> None:
    (checkout.root / "ops/stack/pending.py").write_text("import sys\nsys.exit('refused')\n")
    done = checkout.run("scripts/pulumi", *words.split(), STACK="prod")
    assert done.returncode == 1
    assert checkout.calls() == []


def test_which_servers_are_gone_reaches_who_asks(checkout: Checkout) -> None:
    (checkout.root / "ops/stack/pending.py").write_text("import os\nprint(os.environ['GONE'])\n")
    done = checkout.run("make", "down", "STACK=prod", "GONE=congress-prod-database $(touch ran)")
    assert done.stdout.splitlines()[1] == "congress-prod-database $(touch ran)", done.stderr


@pytest.mark.parametrize("subcommand", ["init", "rm", "rename"])
def test_subcommands_that_write_the_configuration_write_the_copy(checkout: Checkout, subcommand: str) -> None:
    done = checkout.run("scripts/pulumi", "stack", subcommand, "--yes")
    assert done.returncode == 0, done.stderr
    (call,) = checkout.calls()
    assert call["args"] == ["-C", str(checkout.root / ".state"), "stack", subcommand, "--yes"]
    assert (checkout.root / ".state/Pulumi.yaml").read_text() == (checkout.root / "Pulumi.yaml").read_text()


def test_settings_of_dev_are_changed_in_their_file(checkout: Checkout) -> None:
    done = checkout.run("scripts/pulumi", "config", "set", "auth", "keystone")
    assert done.returncode == 1
    assert "edit that file" in done.stderr
    assert checkout.calls() == []


def test_without_a_venv_there_is_one_clear_line(checkout: Checkout) -> None:
    Path(checkout.root / ".venv").unlink()
    done = checkout.run("scripts/pulumi", "stack", "ls")
    assert (done.returncode, done.stderr) == (1, "pulumi: .venv is missing: make venv\n")
