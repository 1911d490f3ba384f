"""A preview refuses wrong names of hosts and too large first-boot data, before anything is created."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from components.foundation import first_boot
from components.inventory import roles
from settings import SettingsError
from tests.support.certificates import authority
from tests.unit.support import recording
from tests.unit.support.parsing import parse
from tests.unit.support.recording import settings_with

# The limit of nova's schema of POST /servers.
NOVA = 65535


def problem(stack: str, count: int = 2, files: tuple[Path, ...] = ()) -> str:
    """The error for a stack's name and files; "" if there is none."""
    values = settings_with(policyEngines={"count": count}, guest={"caFiles": [str(file) for file in files]})
    settings = parse(values)
    try:
        first_boot.check(stack, f"congress-{stack}", settings.guest, roles(settings))
    except SettingsError as error:
        (message,) = error.problems
        return message
    return ""


@pytest.mark.parametrize("stack", ["dev", "Prod-2", "a" * 33])
def test_a_name_that_hosts_can_have_is_accepted(stack: str) -> None:
    assert problem(stack) == ""


@pytest.mark.parametrize("stack", ["my.stack", "my_stack", "my__stack_"])
def test_a_name_that_no_host_can_have_is_refused(stack: str) -> None:
    message = problem(stack)
    assert message.startswith(f"stack {stack}, after which hosts are named: congress-{stack}-")
    assert "letters, digits and - alone; name the stack my-stack (pulumi stack rename my-stack)" in message


def test_a_name_is_too_long_where_the_longest_of_the_hosts_would_be() -> None:
    assert "of at most 33 characters; congress-" in problem("a" * 34)
    assert "of at most 32 characters" in problem("a" * 33, count=10)
    assert problem("a" * 32, count=50) == ""


def test_files_are_accepted_up_to_nova_s_limit_for_all_of_them(tmp_path: Path) -> None:
    pem = authority().pem
    files = (tmp_path / "one.pem", tmp_path / "two.pem")
    keys = {
        "host_private_key": first_boot.PRIVATE_KEY,
        "host_public_key": first_boot.PUBLIC_KEY,
        "deployer_public_keys": [first_boot.PUBLIC_KEY] * 2,
    }

    def size(count: int) -> int:
        """Length of the longest user_data in nova's encoding, with so many certificates in each file."""
        for file in files:
            file.write_text(pem * count)
        settings = parse(settings_with(guest={"caFiles": [str(file) for file in files]}))
        return max(
            len(
                base64.b64encode(
                    first_boot.user_data(f"congress-dev-{name}", role, settings.guest, keys).encode()
                )
            )
            for name, role in roles(settings).items()
        )

    fits = next(count for count in range(1, 200) if size(count + 1) > NOVA)
    assert size(fits) <= NOVA
    assert problem("dev", files=files) == ""
    size(fits + 1)
    message = problem("dev", files=files)
    assert message.startswith(f"congress-ha:guest.caFiles: they have {2 * (fits + 1) * len(pem)} bytes")
    assert f"nova takes {first_boot.MAX_USER_DATA}" in message


def test_the_assumed_keys_are_as_long_as_real_ones() -> None:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    # A line break takes two characters in user_data.
    assert len(private) + private.count("\n") <= len(first_boot.PRIVATE_KEY)
    assert len(public) <= len(first_boot.PUBLIC_KEY)


def test_the_program_checks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "STACK", "my.stack")
    with pytest.raises(SettingsError, match=r"my\.stack, after which hosts are named"):
        recording.run()
