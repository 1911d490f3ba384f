import subprocess
from pathlib import Path

import pytest

from scripts.next_steps import next_steps, write_ca_file
from tests.scripts.support.checkout import OUTPUTS

CA = Path(".state/dev/ca.pem")


@pytest.mark.parametrize("auth", ["noauth", "keystone"])
def test_the_commands_to_try_are_valid_shell(auth: str) -> None:
    text = next_steps({**OUTPUTS, "auth": auth}, CA)
    commands = [line for line in text.splitlines() if line.startswith("  ")]
    subprocess.run(["bash", "-n"], input="\n".join(commands), text=True, check=True)
    assert "//v1" not in text


def test_with_keystone_every_request_has_a_token() -> None:
    lines = next_steps({**OUTPUTS, "auth": "keystone"}, CA).splitlines()
    assert any("token issue" in line for line in lines)
    assert all("X-Auth-Token: $token" in line for line in lines if "curl" in line)
    assert "oken" not in next_steps(OUTPUTS, CA)


@pytest.mark.parametrize(("certificate", "curl"), [("AUTHORITY\n", "curl -s --cacert {}"), ("", "curl -s")])
def test_clients_get_the_ca_certificate_that_they_need(tmp_path: Path, certificate: str, curl: str) -> None:
    file, outputs = tmp_path / "dev/ca.pem", {**OUTPUTS, "ca_certificate": certificate}
    write_ca_file(OUTPUTS, file)
    write_ca_file(outputs, file)
    assert (file.read_text() if file.exists() else "") == certificate
    asking = [line.strip() for line in next_steps(outputs, file).splitlines() if "curl" in line]
    assert all(line.startswith(f"{curl.format(file)} https://") for line in asking), asking
