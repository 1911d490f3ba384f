"""What the lab tells a deployment about package sources and name servers of this machine."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from image import package_index
from lab import guest_settings as g
from settings import Guest


def test_nothing_special_gives_no_keys() -> None:
    assert g.guest_settings([], "", "", {}) == {}


def test_everything() -> None:
    config = "global.index-url='https://user:pw@pypi.example/simple'\nglobal.extra-index-url='https://a/ https://b/'\n"
    env = {"http_proxy": "http://p:1", "HTTPS_PROXY": "http://p:2", "PATH": "/bin"}
    assert g.guest_settings(["/x.crt"], config + "global.proxy='http://p:3'\n", "http://apt:4", env) == {
        "caFiles": ["/x.crt"],
        "aptProxy": "http://apt:4",
        "pipIndexUrl": "https://user:pw@pypi.example/simple",
        "pipExtraIndexUrl": "https://a/",
        "pipProxy": "http://p:3",
    }


def test_pip_without_its_own_proxy_uses_the_machine_s() -> None:
    env = {"http_proxy": "http://p:1", "HTTPS_PROXY": "http://p:2"}
    assert g.guest_settings([], "", "", env) == {"pipProxy": "http://p:2"}


def test_the_lab_s_guest_settings_are_valid_settings() -> None:
    config = "global.index-url='https://a/'\nglobal.extra-index-url='https://b/'\nglobal.proxy='http://p:3'\n"
    settings = g.guest_settings([], config, "http://apt:4", {})
    Guest.model_validate_json(json.dumps(settings))


def test_pip_variables_override_install_options_and_those_the_global_ones() -> None:
    lines = [
        ":env:.index-url='env'",
        "global.index-url='global'",
        "install.index-url='install'",
        "download.proxy='no'",
    ]
    assert package_index.pip_options("\n".join(lines)) == {"index-url": "env"}
    assert package_index.pip_options("\n".join(lines[1:])) == {"index-url": "install"}


def test_the_files_are_private_and_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca" / "corp.crt").touch()
    (tmp_path / "guest-settings.new").write_text("left by an up that was cut off")
    monkeypatch.setattr(g, "CA_FOLDER", tmp_path / "ca")
    monkeypatch.setattr(sys, "argv", ["guest_settings.py", str(tmp_path)])
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAB_PIP_CONFIG", "global.index-url='https://u:p@h/simple'")
    monkeypatch.setenv("LAB_APT_PROXY", "")
    monkeypatch.setenv("LAB_RESOLVERS", "192.0.2.53\n192.0.2.54")
    monkeypatch.setenv("LAB_UNDERLAY_MTU", "1500")
    g.main()
    guest, network = tmp_path / "guest-settings.json", tmp_path / "network-settings.json"
    assert json.loads(guest.read_text()) == {
        "caFiles": [str(tmp_path / "ca" / "corp.crt")],
        "pipIndexUrl": "https://u:p@h/simple",
    }
    assert json.loads(network.read_text()) == {"dnsServers": ["192.0.2.53", "192.0.2.54"], "mtu": 1450}
    assert stat.S_IMODE(guest.stat().st_mode) == 0o600
