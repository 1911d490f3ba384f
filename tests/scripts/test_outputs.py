import subprocess

import pytest

from scripts.outputs import next_steps
from tests.scripts.checkout import OUTPUTS


@pytest.mark.parametrize("auth", ["noauth", "keystone"])
def test_what_is_told_to_try_is_a_shell_s(auth: str) -> None:
    told = next_steps({**OUTPUTS, "auth": auth})
    commands = [line for line in told.splitlines() if line.startswith("  ")]
    subprocess.run(["bash", "-n"], input="\n".join(commands), text=True, check=True)
    assert "//v1" not in told


def test_with_keystone_every_request_has_a_token() -> None:
    lines = next_steps({**OUTPUTS, "auth": "keystone"}).splitlines()
    assert any("token issue" in line for line in lines)
    assert all("X-Auth-Token: $token" in line for line in lines if "curl" in line)
    assert "oken" not in next_steps(OUTPUTS)
