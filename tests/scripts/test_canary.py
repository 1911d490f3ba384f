"""The canary test's own tools: a broken search that finds nothing would let every leak pass."""

from __future__ import annotations

import base64
import gzip
import json
import lzma
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ops.stack.outputs import ROOT
from roles import ROLES
from tests.acceptance.support import canary, canary_deployment, searcher, secret_locations
from tests.acceptance.support.console import Console
from tests.acceptance.support.guests import hostname
from tests.acceptance.support.processes import Watch
from tests.acceptance.support.searcher import Search

SECRET = b'canary/5nq+w%"0123456789'
PATTERNS = canary.patterns({"it": {"text": SECRET}})
secret_bytes = st.binary(min_size=16, max_size=canary.LONGEST)
secret_texts = st.text(
    st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=16, max_size=60
)


def hits_in(folder: Path, patterns: searcher.Patterns = PATTERNS) -> set[tuple[str, str]]:
    """Secret and file name of each hit."""
    hits, _ = Search(patterns).files([str(folder)])
    return {(hit["secret"], Path(hit["location"]).name) for hit in hits}


@given(st.binary(), secret_bytes, st.binary())
def test_base64_of_any_text_with_the_secret_in_it(before: bytes, secret: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + secret + after)
    assert canary.base64_at(len(before) % 3, secret) in encoded
    pattern = canary.forms(secret)
    assert any(form in encoded for form in pattern.values())
    assert any(form in base64.urlsafe_b64encode(before + secret + after) for form in pattern.values())


@given(secret_texts, st.integers(60, 80))
def test_a_long_base64_text_in_lines(secret: str, width: int) -> None:
    text = base64.b64encode(b"before" + secret.encode() + b"after" * 50)
    lines = b"\n".join(text[first : first + width] for first in range(0, len(text), width))
    search = Search(canary.patterns({"it": {"text": secret.encode()}}))
    assert {name for name, _ in search.within(lines)} == {"it"}
    assert any(piece in lines for forms in search.patterns for piece in searcher.pieces(forms[2]))


@given(secret_texts)
def test_every_form_is_found_in_a_file(secret: str) -> None:
    assert searcher.missed(canary.patterns({"it": {"text": secret.encode()}})) == []


def test_half_of_a_datasource_s_password_is_found(tmp_path: Path) -> None:
    """As upstream's log of a datasource showed it, masked only up to the first quote."""
    password = canary_deployment.datasource_password()
    patterns = canary.patterns({"it": canary_deployment.halves(password)})
    (tmp_path / "masked").write_text(f"{{'password': '****'{password.split(canary_deployment.ODD)[1]}'}}")
    (tmp_path / "none").write_text("{'password': '****'}")
    assert hits_in(tmp_path, patterns) == {("it", "masked")}


def test_a_search_that_finds_less_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    long = canary.patterns({"it": {"text": SECRET * 2}})
    assert searcher.missed(long) == []
    monkeypatch.setattr(searcher, "squeezed", lambda data: data)
    assert "it, text, hex" in searcher.missed(long)
    monkeypatch.setattr(Search, "suspects", lambda *_: [])
    assert len(searcher.missed(PATTERNS)) == 2 * len(PATTERNS["it"])


def test_files_of_all_kinds(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"\0\xff" + SECRET + b"\0")
    (tmp_path / "none").write_bytes(SECRET[:-1])
    (tmp_path / "gzip").write_bytes(gzip.compress(b"first") + gzip.compress(SECRET))
    (tmp_path / "xz").write_bytes(lzma.compress(SECRET))
    (tmp_path / "cut off").write_bytes(gzip.compress(SECRET + bytes(range(256)) * 1000)[:-300])
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("plain")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / SECRET.hex()).touch()
    assert hits_in(tmp_path) == {("it", name) for name in ("plain", "gzip", "xz", "cut off", "a file's name")}


def test_a_hit_has_owner_and_mode_and_no_value(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(base64.b64encode(b"." + SECRET))
    file.chmod(0o640)
    (hit,), files = Search(PATTERNS).files([str(tmp_path)])
    owner = f"{file.owner()}:{file.group()}"
    assert hit == {
        "secret": "it",
        "form": "text, base64 at 1",
        "location": str(file),
        "owner": owner,
        "mode": "0640",
    }
    assert files == 1


def test_a_failure_of_grep_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grep").write_text("#!/bin/sh\necho 'grep: x: Input/output error' >&2\nexit 2\n")
    (tmp_path / "grep").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(OSError, match="Input/output error"):
        hits_in(tmp_path)


def test_a_pattern_that_chance_would_make_is_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Search({"it": {"text": b"short"}})


def test_the_text_needs_nothing_of_this_checkout() -> None:
    script = f"{Path(searcher.__file__).read_text()}\nanswer('missed', {PATTERNS!r})\n"
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-"], input=script, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_hits_in_the_journal_name_field_and_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "journalctl"
    fake.write_text(
        "#!/bin/bash\n"
        'case "$*" in\n'
        f"*-F*) echo sudo; echo cron ;;\n"
        f"*'-t cron'*) ;;\n"
        f"*) printf '%s\\n' 'MESSAGE=COMMAND={SECRET.hex()}' '_PID=1' '' ;;\n"
        "esac\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert [(hit["form"], hit["location"]) for hit in Search(PATTERNS).journal()] == [
        ("text, hex", "the journal, MESSAGE of sudo")
    ]


def test_processes_are_watched() -> None:
    command = ["sh", "-c", "read -r _; true", SECRET.decode()]
    with (
        Watch(Search(PATTERNS), prefix=hostname(os.getpid())) as watch,
        subprocess.Popen(command, stdin=subprocess.PIPE, env={"CANARY": SECRET.hex()}) as process,
    ):
        assert process.stdin is not None
        for _ in range(100):
            if len(watch.hits) == 2:
                break
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.1)
        process.stdin.close()
    assert {(form, where.split()[0]) for _, form, where in watch.hits} == {
        ("text, plain", "cmdline"),
        ("text, hex", "environ"),
    }


def test_what_a_console_shows(tmp_path: Path) -> None:
    console, search = Console(tmp_path), Search(PATTERNS)
    console.run("harmless", ["echo", "nothing"])
    console.run("harmful", ["sh", "-c", 'echo "$0" >&2; exit 3', SECRET.hex()], fails=True)
    (leak,) = console.leaks(search)
    assert leak.startswith("harmful (")
    assert leak.endswith("it (text, hex)")
    assert not any(form.decode("latin-1") in leak for form in PATTERNS["it"].values())
    with pytest.raises(AssertionError, match="again ended with 1"):
        console.run("again", ["false"])


def secret(value: Any) -> dict[str, str]:
    return {canary.SIGNATURE: canary.SECRET, "plaintext": json.dumps(value)}


def exported(*resources: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "deployment": {
            "resources": [
                {"type": type_, "urn": f"urn:pulumi:dev::congress-ha::{type_}::{name}", "outputs": outputs}
                for type_, name, outputs in resources
            ]
        }
    }


PASSWORD = "random:index/randomPassword:RandomPassword"
STEP = "command:remote:Command"
FORMATS = {"OpenSSH": PrivateFormat.OpenSSH, "PKCS8": PrivateFormat.PKCS8}


def test_secrets_of_a_state() -> None:
    state = exported(
        (PASSWORD, "database-password", {"result": secret("abcdefgh"), "length": 8}),
        (STEP, "step", {"stdin": secret("a script"), "connection": {"privateKey": secret("a key")}}),
    )
    assert canary.of_stack(state) == {"database-password": {"result": b"abcdefgh"}}


def test_a_secret_that_nobody_would_look_for() -> None:
    with pytest.raises(AssertionError, match=rf"{STEP}.environment"):
        canary.of_stack(exported((STEP, "step", {"environment": {"A": [secret("new")]}})))


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())]
)
@pytest.mark.parametrize("form", FORMATS)
def test_a_private_key_is_found_in_every_format(tmp_path: Path, key: Any, form: str) -> None:
    texts = {
        name: key.private_bytes(Encoding.PEM, kind, serialization.NoEncryption())
        for name, kind in FORMATS.items()
    }
    text = texts[form].decode()
    state = exported(("tls:index/privateKey:PrivateKey", "key", {"privateKeyPem": secret(text)}))
    patterns = canary.patterns(canary.of_stack(state))
    assert searcher.missed(patterns) == []
    for name, other in texts.items():
        (tmp_path / name).write_bytes(other)
    (tmp_path / "user_data").write_text(json.dumps(text))
    (tmp_path / "encoded").write_bytes(base64.encodebytes(f"...{text}".encode()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    (tmp_path / "public").write_bytes(public)
    assert hits_in(tmp_path, patterns) == {("key", name) for name in (*FORMATS, "user_data", "encoded")}


def test_unexpected_and_missing_locations_are_reported() -> None:
    hits = [
        searcher.hit("it", form, "/etc/file", "root:root", "0644") for form in ("text, hex", "text, plain")
    ]
    missing = ("other", "/etc/other", "root:root", "0600")
    assert secret_locations.report("database", hits, secret_locations.locations_of(hits) ^ {missing}) == [
        "database: it in /etc/file root:root 0644: found (text, hex; text, plain)",
        "database: other in /etc/other root:root 0600: not found",
    ]


def test_the_table_of_secrets_has_every_role_with_some() -> None:
    keys = {role: location[1] for role, location in secret_locations.CERTIFICATES.items()}
    certificates = {role.name: role.certificate for role in ROLES if role.certificate}
    assert keys == certificates, "CERTIFICATES in tests/acceptance/support/secret_locations.py"
    congress = {role.name for role in ROLES if role.runs_congress}
    assert congress == secret_locations.CONGRESS_HOSTS, "tests/acceptance/support/secret_locations.py"
    page = (ROOT / "docs/security.md").read_text()
    missing = [file for file in keys.values() if f"`{file}`" not in page]
    assert missing == [], 'add them to docs/security.md, "Where secrets are"'


def test_a_server_s_id_is_no_part_of_a_location() -> None:
    folder = "/var/lib/cloud/instances/0a1b2c3d-0000-4000-8000-0123456789ab"
    assert secret_locations.locations_of(
        [searcher.hit("it", "hex", f"{folder}/obj.pkl", "root:root", "0400")]
    ) == {("it", "/var/lib/cloud/instances/ID/obj.pkl", "root:root", "0400")}
