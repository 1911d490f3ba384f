"""Re-encryption of datasources' secrets, which Congress itself writes and reads here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from hypothesis import given
from hypothesis import strategies as st

from ops.remote import REMOTE
from ops.remote.reencrypt import ENCRYPTED, rotated
from tests.support.programs import congress_python

OLD, OWN, OTHER = (Fernet.generate_key().decode() for _ in range(3))
CONFIGS = st.dictionaries(st.text(max_size=8).filter(lambda name: name != ENCRYPTED), st.text(max_size=20))


def keys(*of: str) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in of])


def encrypted(config: dict[str, str], fields: list[str], key: str) -> str:
    secret = {field: Fernet(key).encrypt(config[field].encode()).decode() for field in fields}
    return json.dumps({**config, **secret, ENCRYPTED: fields})


@given(config=CONFIGS, data=st.data(), key=st.sampled_from([OLD, OWN]))
def test_the_current_key_reads_what_either_key_encrypted(
    config: dict[str, str], data: st.DataObject, key: str
) -> None:
    fields = sorted(data.draw(st.sets(st.sampled_from(sorted(config)))) if config else [])
    result = json.loads(rotated(encrypted(config, fields, key), keys(OWN, OLD)))
    assert result.pop(ENCRYPTED) == fields
    for field in fields:
        result[field] = Fernet(OWN).decrypt(result[field].encode()).decode()
    assert result == config


@pytest.mark.parametrize("config", ["null", "{}", '{"poll_time": "5"}'])
def test_a_datasource_without_secrets_stays_as_it_is(config: str) -> None:
    assert rotated(config, keys(OWN, OLD)) == config


def test_a_secret_of_a_third_key_is_an_error() -> None:
    with pytest.raises(InvalidToken):
        rotated(encrypted({"password": "x"}, ["password"], OTHER), keys(OWN, OLD))


CONGRESS_CONF = """\
[DEFAULT]
encryption_key_path = {folder}/keys
[database]
connection = sqlite:///{folder}/congress.sqlite
[oslo_concurrency]
lock_path = {folder}
"""
PREPARE = """
import sys
from congress.common import config
from congress.db import api, datasources, model_base
config.init(["--config-file", sys.argv[1]])
model_base.BASE.metadata.create_all(api.get_session().get_bind())
for name, fields in (("with", ["password"]), ("without", [])):
    datasources.add_datasource(name, name, "keystone", {"password": "s3cret", "user": "u"}, "", True,
                               secret_config_fields=fields)
"""
READ = """
import json, sys
from congress.common import config
from congress.db import datasources
config.init(["--config-file", sys.argv[1]])
print(json.dumps({found.name: json.loads(found.config) for found in datasources.get_datasources()}))
"""


class Congress:
    """Congress's own code on a separate database; `key` is the content of its aes_key."""

    def __init__(self, folder: Path) -> None:
        self.file, self.aes_key = folder / "congress.conf", folder / "keys/aes_key"
        self.aes_key.parent.mkdir()
        self.file.write_text(CONGRESS_CONF.format(folder=folder))

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        command = [congress_python(), "-W", "ignore", "-", str(self.file)]
        return subprocess.run(command, input=script, capture_output=True, text=True, timeout=60, check=False)

    def read(self) -> dict[str, dict[str, str]]:
        done = self.run(READ)
        assert done.returncode == 0, done.stderr
        configs: dict[str, dict[str, str]] = json.loads(done.stdout)
        return configs

    def reencrypt(self, key: str | None) -> subprocess.CompletedProcess[str]:
        text = (REMOTE / "reencrypt.py").read_text()
        return self.run(f"{text}\nreencrypt({key!r}, {str(self.file)!r})\n")


@pytest.fixture
def congress(tmp_path: Path) -> Congress:
    """Datasources of a deployment with key OLD; now the key is OWN, with the newline that a step's file has."""
    made = Congress(tmp_path)
    made.aes_key.write_text(OLD)
    prepared = made.run(PREPARE)
    assert prepared.returncode == 0, prepared.stderr
    made.aes_key.write_text(f"{OWN}\n")
    return made


def test_congress_reads_its_datasources_with_the_deployment_s_key(congress: Congress) -> None:
    assert "InvalidToken" in congress.run(READ).stderr
    # Twice: a restore that was cut off is begun again.
    for _ in range(2):
        done = congress.reencrypt(OLD)
        assert (done.returncode, done.stderr) == (0, "")
        plain = {"password": "s3cret", "user": "u"}
        assert congress.read() == {"with": plain, "without": plain}


@pytest.mark.parametrize("key", [OTHER, None], ids=["another", "none"])
def test_a_datasource_that_no_key_decrypts_is_named_and_unchanged(
    congress: Congress, key: str | None
) -> None:
    done = congress.reencrypt(key)
    assert done.returncode == 1
    assert done.stderr == (
        "the secrets of datasource with are encrypted by neither the backup's key nor the deployment's\n"
    )
    congress.aes_key.write_text(OLD)
    assert congress.read()["with"]["password"] == "s3cret"
