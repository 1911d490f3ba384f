"""A deployment of which every secret is known: those of the stack, and additional ones to search for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import yaml
from openstack.connection import Connection

from tests.acceptance.support import canary, congress, searcher
from tests.acceptance.support.console import Console
from tests.acceptance.support.deployment import PULUMI, ROOT, Deployment, run
from tests.acceptance.support.searcher import Patterns, Search

STATE = ROOT / ".state"
# The users with which engines check tokens and a datasource logs in, each with its role.
USERS = {"congress-canary": "service", "congress-canary-datasource": "admin"}
ENGINES, DATASOURCE = USERS
LOGIN = "the password of keystone.login"
GOOD, BAD = "the password of a datasource", "the password of a datasource that cannot log in"
DECOY = "what is shown on purpose"
# Name -> the password that the datasource gets; and a datasource that an engine must fail to create.
DATASOURCES = {"canary_good": GOOD, "canary_bad": BAD}
REFUSED = "canary_refused"
SEARCH = 900
ODD = "'\"\\ü%s"


def canary_password() -> str:
    """A password whose characters are encoded differently in a URL, in JSON and in a file of oslo.config."""
    return f'canary/{token_urlsafe(9)}+%"{token_urlsafe(9)}'


def datasource_password() -> str:
    """A password with characters at which a filter may assume that the password ends."""
    return f"canary/{token_urlsafe(12)}{ODD}{token_urlsafe(12)}"


def halves(password: str) -> dict[str, bytes]:
    """The patterns of a datasource's password: both sides of the odd characters, because only one may be shown."""
    first, last = password.split(ODD)
    return {"first half": first.encode(), "last half": last.encode()}


# Without a repr, because pytest would print it.
@dataclass(repr=False)
class CanaryDeployment:
    """`settings`: a stack configuration with keystone.login in it, encrypted; `token`: an administrator's."""

    deployment: Deployment
    console: Console
    settings: Path
    given: Mapping[str, str]
    patterns: Patterns
    token: str

    @cached_property
    def search(self) -> Search:
        return Search(self.patterns)

    def up(self, name: str, *options: str, fails: bool = False) -> str:
        """Run `pulumi up` in keystone mode."""
        command = [PULUMI, "up", "--yes", "--skip-preview", "--non-interactive", *self.options, *options]
        shown = self.console.run(name, command, fails=fails)
        self.deployment.forget()
        return shown

    @property
    def options(self) -> list[str]:
        return ["--config-file", str(self.settings)]

    def preview(self, name: str, *options: str) -> str:
        return self.console.run(
            name, [PULUMI, "preview", "--non-interactive", *self.options, *options], timeout=300
        )

    def ask(self, host: str, task: str, patterns: Patterns | None = None) -> Any:
        """Run searcher.py on a host and return its answer; all secrets are passed on standard input."""
        patterns = self.patterns if patterns is None else patterns
        script = f"{Path(searcher.__file__).read_text()}\nanswer({task!r}, {patterns!r})\n"
        answer = run([*self.deployment.ssh_command(host), "sudo -n python3 -"], stdin=script, timeout=SEARCH)
        return json.loads(answer)

    def datasource(self, name: str, password: str, admin: Connection) -> dict[str, Any]:
        made = congress.datasource_of("keystonev3", name, admin)
        made["config"] |= {
            "username": DATASOURCE,
            "password": self.given[password],
            "tenant_name": "service",
        }
        return made


@contextmanager
def canary_deployment(
    deployment: Deployment, clouds: Mapping[str, Connection], folder: Path
) -> Iterator[CanaryDeployment]:
    """Return to noauth at the end, and remove the users and datasources."""
    given = {name: canary_password() for name in (LOGIN, DECOY)}
    given |= {name: datasource_password() for name in (GOOD, BAD)}
    with users(clouds["lab-admin"], {ENGINES: given[LOGIN], DATASOURCE: given[GOOD]}):
        tokens = {f"a token of {name}": str(cloud.authorize()) for name, cloud in clouds.items()}
        passphrase = (STATE / "passphrase").read_text().strip()
        texts = {**given, **tokens, "the state's passphrase": passphrase}
        exported = json.loads(run([PULUMI, "stack", "export", "--show-secrets"], timeout=60))
        secrets = {
            **canary.of_stack(exported),
            **{name: {"text": text.encode()} for name, text in texts.items()},
            **{name: halves(given[name]) for name in (GOOD, BAD)},
        }
        settings, token = write_settings(folder, given[LOGIN]), tokens["a token of lab-admin"]
        yield CanaryDeployment(deployment, Console(folder), settings, given, canary.patterns(secrets), token)
        deployment.up()
        for name in (*DATASOURCES, REFUSED):
            congress.forget(deployment, None, name)


@contextmanager
def users(admin: Connection, passwords: Mapping[str, str]) -> Iterator[None]:
    """Create the users that docs/install.md asks for with keystone.login. Remove those of an earlier run first."""
    identity: Any = admin.identity
    domain = identity.find_domain("Default", ignore_missing=False)
    project = identity.find_project("service", domain_id=domain.id, ignore_missing=False)

    def remove() -> None:
        for name in passwords:
            if user := identity.find_user(name, domain_id=domain.id):
                identity.delete_user(user)

    remove()
    try:
        for name, password in passwords.items():
            user = identity.create_user(name=name, password=password, domain_id=domain.id)
            role = identity.find_role(USERS[name], ignore_missing=False)
            identity.assign_project_role_to_user(project, user, role)
        yield
    finally:
        remove()


def write_settings(folder: Path, password: str) -> Path:
    """The stack's configuration with keystone.login; `pulumi config set --secret` encrypts the password."""
    file = folder / "settings/Pulumi.canary.yaml"
    file.parent.mkdir()
    written = yaml.safe_load((STATE / "Pulumi.dev.yaml").read_text())
    written["config"] |= {
        "congress-ha:auth": "keystone",
        "congress-ha:keystone": {"login": {"username": ENGINES}},
    }
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(written))
    name = "congress-ha:keystone.login.password"
    # The last --config-file counts; the wrapper passes the first.
    run(
        [PULUMI, "config", "--config-file", file, "set", "--secret", "--path", name],
        stdin=password,
        timeout=60,
    )
    return file
