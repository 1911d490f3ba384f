"""Prepare stack `dev`, which is on this machine's lab, for a run of the Pulumi CLI.

Everything that a run needs and that must not be in the work tree is in `.state/` (0700):

    passphrase          of the stack's secrets, random, created once
    Pulumi.yaml         a copy, for the subcommands that write the stack's configuration beside it
    Pulumi.dev.yaml     the committed one, plus the settings of this machine, plus the encryption salt
    pulumi/             the backend

usage: python -m scripts.dev_stack STATE LAB_STATE [--cloud]      --cloud: fail unless the lab answers
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from ops.common.files import write_private

ROOT = Path(__file__).resolve().parent.parent
NAMESPACE = "congress-ha"
# Written by Pulumi into the stack's configuration; without them the secrets in the state cannot be read.
ENCRYPTION_KEYS = ("encryptionsalt", "encryptedkey", "secretsprovider")
# Settings of which the lab provides a part: key -> the lab's file.
LAB_SETTINGS = {"guest": "guest-settings.json", "network": "network-settings.json"}


class StackError(Exception):
    """The text says what is wrong and what to do."""


def merged(
    committed: dict[str, Any], previous: dict[str, Any], lab: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Return the stack's configuration for this run; committed values override those of the lab."""
    config = dict(committed.get("config") or {})
    for key, settings in lab.items():
        if settings:
            name = f"{NAMESPACE}:{key}"
            config[name] = {**settings, **(config.get(name) or {})}
    encryption = {key: previous[key] for key in ENCRYPTION_KEYS if key in previous}
    return {**committed, **encryption, "config": config}


def lab_settings(lab_state: Path) -> dict[str, dict[str, Any]]:
    """Return the lab's settings for guests and networks; empty if the lab was never up."""
    files = {key: lab_state / name for key, name in LAB_SETTINGS.items()}
    return {key: json.loads(file.read_text()) for key, file in files.items() if file.exists()}


def write_config(state: Path, lab_state: Path) -> None:
    """Rewrite `.state/Pulumi.dev.yaml`."""
    copy = state / "Pulumi.dev.yaml"
    previous = yaml.safe_load(copy.read_text()) if copy.exists() else None
    committed = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())
    text = yaml.safe_dump(merged(committed or {}, previous or {}, lab_settings(lab_state)), sort_keys=False)
    write_private(copy, text)
    write_private(state / "Pulumi.yaml", (ROOT / "Pulumi.yaml").read_text())


def write_passphrase(state: Path) -> None:
    """Create the passphrase once; refuse to create another one for a state that an earlier one encrypts."""
    path = state / "passphrase"
    if path.exists():
        return
    if list(state.glob("pulumi/.pulumi/stacks/*/dev.json")):
        raise StackError(
            f"{path} is missing, so the secrets of stack dev cannot be read: restore the file, "
            "or remove the lab with the stack (make lab-purge)"
        )
    write_private(path, secrets.token_urlsafe(32))


def check_lab(lab_state: Path) -> None:
    """Fail with one clear line unless the lab's identity service answers."""
    clouds = lab_state / "clouds.yaml"
    if not clouds.exists():
        raise StackError(f"there is no lab on this machine ({clouds} is missing): make lab-up")
    url = yaml.safe_load(clouds.read_text())["clouds"]["lab"]["auth"]["auth_url"]
    # The lab is on this machine, so no proxy may be used.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=5).close()
    except urllib.error.HTTPError:
        return  # It answers: at its root keystone returns 300 "multiple choices".
    except OSError as error:
        raise StackError(f"the lab is not running ({url}: {error}): make lab-up") from error


def holder_has_ended(lock: dict[str, Any]) -> bool:
    """Tell whether the engine that took the lock has ended without releasing it (killed, power loss).

    The lock's content, as Pulumi's file backend writes it: pid, username, hostname, timestamp.
    """
    if lock["hostname"] != socket.gethostname():
        return False
    try:
        return Path(f"/proc/{lock['pid']}/comm").read_text().strip() != "pulumi"
    except FileNotFoundError:
        return True


def release_stale_lock(state: Path) -> None:
    """Release the stack's lock if its holder has ended without releasing it."""
    locks = [
        json.loads(file.read_text()) for file in state.glob("pulumi/.pulumi/locks/organization/*/dev/*.json")
    ]
    if not locks or not all(holder_has_ended(lock) for lock in locks):
        return
    pids = ", ".join(str(lock["pid"]) for lock in locks)
    print(f"pulumi: an earlier run (pid {pids}) was interrupted; releasing the stack's lock", file=sys.stderr)
    subprocess.run(
        ["pulumi", "-C", state, "cancel", "--yes", "--stack", "dev"], check=True, stdout=sys.stderr
    )


def main(arguments: list[str]) -> None:
    state, lab_state = Path(arguments[0]), Path(arguments[1])
    try:
        state.mkdir(mode=0o700, exist_ok=True)
        (state / "pulumi").mkdir(exist_ok=True)
        if "--cloud" in arguments[2:]:
            check_lab(lab_state)
        write_passphrase(state)
        write_config(state, lab_state)
        release_stale_lock(state)
    except StackError as error:
        sys.exit(f"stack dev: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
