"""user_data, validated by cloud-init's schema, and read back as cloud-init understands it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.foundation.template import ROOT
from tests.render.support.cases import Case, Validator, case, cases
from tests.render.support.cloud_init_schema import schema
from tests.render.support.contexts.common import CERTIFICATE, PRIVATE_KEY
from tests.render.support.contexts.host import DEPLOYER_KEYS, HOST_KEY
from tests.support.programs import private, program, run

TEMPLATE = "host/user_data.yaml.j2"


def content(variant: str) -> dict[str, Any]:
    document = yaml.safe_load(case(TEMPLATE, variant).text)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("case", cases(Validator.CLOUD_INIT), ids=str)
def test_cloud_init_accepts_it(case: Case, tmp_path: Path) -> None:
    assert case.text.startswith("#cloud-config\n")
    status, output = schema(case.text, tmp_path)
    assert status == 0, output
    assert output.startswith("Valid cloud-config")


@pytest.mark.parametrize(
    ("old", "new"),
    [("ssh_deletekeys: true", "ssh_deletekeys: 1"), ("disable_root: true", "disable_root: maybe")],
)
def test_cloud_init_refuses_what_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    text = case(TEMPLATE).text
    assert old in text
    assert schema(text.replace(old, new), tmp_path)[0] != 0


@pytest.mark.parametrize("case", cases(Validator.CLOUD_INIT), ids=str)
def test_no_key_occurs_twice(case: Case) -> None:
    """YAML silently takes the last of two equal keys."""
    root = yaml.compose(case.text)
    assert isinstance(root, yaml.MappingNode)
    keys = [key.value for key, _ in root.value]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("variant", ["plain", "bastion-everything"])
def test_host_shows_the_key_that_the_deployer_knows_and_no_other(variant: str) -> None:
    data = content(variant)
    assert data["ssh_keys"] == {"ed25519_private": PRIVATE_KEY, "ed25519_public": HOST_KEY}
    # The image's own; cloud-init generates none if it is given one.
    assert data["ssh_deletekeys"] is True


def test_only_the_deployer_logs_in_and_only_by_key() -> None:
    data = content("plain")
    (user,) = data["users"]
    assert (user["name"], user["lock_passwd"]) == ("deployer", True)
    assert user["ssh_authorized_keys"] == DEPLOYER_KEYS
    assert (data["ssh_pwauth"], data["disable_root"]) == (False, True)


def test_sudo_accepts_the_deployer_s_rule(tmp_path: Path) -> None:
    """As cloud-init writes it: a line with the user's name in /etc/sudoers.d."""
    (user,) = content("plain")["users"]
    file = tmp_path / "90-cloud-init-users"
    file.write_text(f"{user['name']} {user['sudo']}\n")
    checked = run(program("visudo"), "--check", "--strict", "--file", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_runner_arrives_byte_for_byte() -> None:
    file = content("plain")["write_files"][0]
    assert file["content"].encode() == (ROOT / "files/host/congress-ha-step").read_bytes()
    assert (file["path"], file["owner"], file["permissions"]) == (
        "/usr/local/sbin/congress-ha-step",
        "root:root",
        "0755",
    )


def sshd(variant: str, folder: Path) -> dict[str, str]:
    """Option -> value of a host's sshd with the given file."""
    (_, addition) = content(variant)["write_files"]
    assert addition["path"].startswith("/etc/ssh/sshd_config.d/")
    config = folder / "ssh"
    (config / "sshd_config.d").mkdir(parents=True)
    (config / "sshd_config").write_text("Include /etc/ssh/sshd_config.d/*.conf\n")
    (config / "sshd_config.d" / Path(addition["path"]).name).write_text(addition["content"])
    run(program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", config / "ssh_host_ed25519_key")
    (folder / "run").mkdir()
    mounts = {"/etc/ssh": config, "/run": folder / "run"}
    # sshd's privilege separation needs /run/sshd.
    checked = run(*private(["sh", "-c", f"mkdir -p /run/sshd && {program('sshd')} -T"], mounts))
    assert checked.returncode == 0, checked.stderr
    return dict(line.split(" ", 1) for line in checked.stdout.splitlines())


@pytest.mark.parametrize("variant", ["plain", "bastion"])
def test_sshd_lets_the_deployer_in_by_key_and_nobody_else(tmp_path: Path, variant: str) -> None:
    data = sshd(variant, tmp_path)
    assert (data["allowusers"], data["permitrootlogin"]) == ("deployer", "no")
    assert (data["passwordauthentication"], data["kbdinteractiveauthentication"]) == ("no", "no")
    assert (data["allowagentforwarding"], data["x11forwarding"]) == ("no", "no")


def test_the_bastion_forwards_only_to_ssh_and_to_all_hosts_at_once(tmp_path: Path) -> None:
    data = sshd("bastion", tmp_path)
    assert (data["permitopen"], data["allowtcpforwarding"]) == ("*:22", "local")
    # A session per step, and the steps of all hosts pass through here at the same time.
    assert int(data["maxstartups"].split(":")[0]) >= 50
    assert int(data["maxsessions"]) >= 50


def test_settings_of_the_site_are_applied() -> None:
    data = content("everything")
    assert data["apt"] == {
        "http_proxy": "http://user:pass@proxy.example:3128",
        "https_proxy": "http://user:pass@proxy.example:3128",
        "primary": [{"arches": ["default"], "uri": "http://mirror.example/debian"}],
        "security": [{"arches": ["default"], "uri": "http://mirror.example/debian-security"}],
    }
    assert data["ca_certs"] == {"trusted": [CERTIFICATE, CERTIFICATE.strip()]}


def test_no_setting_of_a_site_occurs_where_none_is_set() -> None:
    assert not {"apt", "ca_certs"} & content("plain").keys()
