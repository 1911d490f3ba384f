"""cloud-init's own check of rendered user_data."""

from __future__ import annotations

from pathlib import Path

from tests.support.programs import program, run


def schema(text: str, folder: Path) -> tuple[int, str]:
    """Result of `cloud-init schema`, which exits 0 for keys that it only warns of."""
    file = folder / "user_data"
    file.write_text(text)
    checked = run(program("cloud-init"), "schema", "--config-file", file)
    return checked.returncode, (checked.stdout + checked.stderr).strip()
