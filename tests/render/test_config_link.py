"""The path of Congress's configuration for the agent is our own link; otherwise nothing is done."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from components.foundation.template import ROOT

TEXT = "[DEFAULT]\n"


def put_link(config: Path) -> subprocess.CompletedProcess[str]:
    """Runs the template's own lines about the link, with `config` as the path."""
    template = (ROOT / "templates/datasource_node/agent.sh.j2").read_text()
    lines = template.split('{% if config != "/etc/congress/congress.conf" %}\n')[1].split("{% endif %}")[0]
    script = lines.replace("{{ config }}", str(config)).replace("{{ host }}", "datasource-1")
    library = 'die() { echo "$*" >&2; exit 1; }; record_file() { echo "$1"; }\n'
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", library + script],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_new_name_becomes_a_link_and_stays_one(tmp_path: Path) -> None:
    config = tmp_path / "deeper/node.conf"
    for _ in range(2):
        done = put_link(config)
        assert (done.returncode, done.stdout) == (0, f"{config}\n"), done.stderr
        assert str(config.readlink()) == "/etc/congress/congress.conf"


@pytest.mark.parametrize("kind", ["file", "folder", "another link", "a link that leads nowhere"])
def test_what_is_not_ours_is_left_alone(tmp_path: Path, kind: str) -> None:
    config, other = tmp_path / "node.conf", tmp_path / "other"
    match kind:
        case "file":
            config.write_text(TEXT)
        case "folder":
            config.mkdir()
        case _:
            config.symlink_to(other)
    if kind == "another link":
        other.write_text(TEXT)
    done = put_link(config)
    assert done.returncode == 1
    assert f"datasource-1: {config} exists and does not belong to the stack: move it away" in done.stderr
    assert not config.is_symlink() or config.readlink() == other
    assert (
        list(config.iterdir()) == []
        if kind == "folder"
        else not config.exists() or config.read_text() == TEXT
    )
