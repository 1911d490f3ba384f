"""ssh reads ssh_config for every host in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.render.support.cases import Case, Validator, cases
from tests.render.support.contexts.host import HOSTS
from tests.support.programs import program, run


def resolve(text: str, host: str, folder: Path) -> dict[str, str]:
    """Options of ssh for `host`, from `ssh -G`: option in lower case -> value."""
    (folder / "ssh_config").write_text(text)
    checked = run(program("ssh"), "-G", "-T", "-F", "ssh_config", host, cwd=folder)
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr == ""
    return dict(line.split(" ", 1) for line in checked.stdout.splitlines() if " " in line)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("case", cases(Validator.SSH), ids=str)
def test_ssh_goes_through_the_bastion_and_knows_the_key(case: Case, host: str, tmp_path: Path) -> None:
    options = resolve(case.text, host, tmp_path)
    wanted = {
        "hostname": HOSTS[host],
        "hostkeyalias": host,
        "user": "deployer",
        "identityfile": "id_ed25519",
        "identitiesonly": "yes",
        "userknownhostsfile": "known_hosts",
        "stricthostkeychecking": "true",
    }
    assert {key: options.get(key) for key in wanted} == wanted
    if host == "bastion":
        assert "proxycommand" not in options
    else:
        # The inner ssh replaces %h and %p; the outer one must find the bastion in the same file.
        assert options["proxycommand"] == "ssh -F ssh_config -W %h:%p bastion"
