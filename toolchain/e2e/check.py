"""Run the program beside this file with the real engine; started by toolchain/test, in its environment.

Usage: check.py FOLDER (an empty one, for the state and for a copy of the program: the engine writes there)
"""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TOOLCHAIN = HERE.parent
UP = ("up", "--yes", "--skip-preview")


def passed(what: str) -> None:
    print(f"ok: {what}", flush=True)


def check(what: str, **facts: object) -> None:
    """Every fact must be true; the error lists the names of those that are not."""
    wrong = [name for name, fact in facts.items() if not fact]
    if wrong:
        sys.exit(f"FAILED: {what}: {', '.join(wrong)}")
    passed(what)


def pulumi(phase: str, *arguments: str, fails: bool = False) -> str:
    """Run the Pulumi CLI and return its output; an unexpected exit code ends the test."""
    run = subprocess.run(
        ["pulumi", *arguments, "-C", os.environ["PROGRAM"], "--non-interactive", "--color", "never"],
        env=os.environ | {"PHASE": phase},
        text=True,
        timeout=300,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if (run.returncode != 0) != fails:
        sys.exit(f"FAILED: pulumi {' '.join(arguments)} ended with {run.returncode}:\n{run.stdout}")
    return run.stdout


def outputs() -> dict[str, Any]:
    return dict(json.loads(pulumi("", "stack", "output", "--show-secrets", "--json")))


def check_versions() -> None:
    lines = (TOOLCHAIN / "versions.env").read_text().splitlines()
    pins = dict(line.split("=") for line in lines if not line.startswith("#"))
    engine = pulumi("", "version").strip()
    check(f"the engine is {engine}", pinned=engine == f"v{pins.pop('PULUMI_VERSION')}")
    for variable, pin in pins.items():
        package = "pulumi_" + variable.removesuffix("_VERSION").lower()
        plugin = json.loads((resources.files(package) / "pulumi-plugin.json").read_text())
        check(f"{package} asks for plugin {plugin['version']}", pinned=plugin["version"] == pin)


def check_openstack_types() -> None:
    """Every type the openstack plugin serves must be one of the Python SDK's."""
    source = (TOOLCHAIN / "plugins/openstack/tokens.go").read_text()
    served = re.findall(r'(?:resource|function)\("(\w+)", "(\w+)"\)', source)
    sdk = Path(str(resources.files("pulumi_openstack")))
    facts = {"some": served}
    for module, name in served:
        token = f"openstack:{module}/{name[0].lower()}{name[1:]}:{name}"
        files = (sdk / module).glob("*.py")
        facts[token] = [file.name for file in files if f"'{token}'" in file.read_text()]
    check(f"the {len(served)} OpenStack types are the Python SDK's", **facts)


def check_state(state: Path, secrets: dict[str, str]) -> None:
    stored = "".join(file.read_text() for file in state.rglob("*.json"))
    hidden = {name: json.dumps(secret)[1:-1] not in stored for name, secret in secrets.items()}
    check("the state contains no unencrypted secret", encrypted="ciphertext" in stored, **hidden)


def check_program(state: Path) -> None:
    pulumi("one", "stack", "init", "e2e")
    check("preview", creates="to create" in pulumi("one", "preview"))
    pulumi("one", *UP)
    first = outputs()
    check("up", key="BEGIN OPENSSH" in first["key"], stdin=first["updated"] == f"one {first['password']}")
    check_state(state, {name: first[name] for name in ("password", "secret", "key", "updated")})
    pulumi("one", *UP, "--expect-no-changes")
    pulumi("one", "refresh", "--yes", "--skip-preview", "--expect-no-changes")
    passed("a second update and a refresh change nothing")

    pulumi("two", *UP)
    second = outputs()
    again = f"two {first['password']}\nagain"
    check("a changed input runs the update command, in place", stdout=second["updated"] == again)
    check("a changed trigger replaces", id=second["replaced"] != first["replaced"])
    check("certificates stay", leaf=second["leaf"] == first["leaf"])

    text = pulumi("wrong", *UP, fails=True)
    named, hidden = 'unknown field "hostKeys"' in text, "PRIVATE KEY" not in text
    check("an unknown field of a connection is named, its key not shown", named=named, hidden=hidden)
    pulumi("two", "destroy", "--yes", "--skip-preview")
    check("destroy leaves nothing", empty='"urn"' not in pulumi("two", "stack", "export"))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "state").mkdir()
    program = shutil.copytree(HERE, folder / "program")
    os.environ |= {"PULUMI_BACKEND_URL": f"file://{folder}/state", "PULUMI_CONFIG_PASSPHRASE": "e2e"}
    os.environ["PROGRAM"] = str(program)
    check_versions()
    check_openstack_types()
    check_program(folder / "state")
