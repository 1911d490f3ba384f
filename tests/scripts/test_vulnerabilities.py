"""How `make audit` reports pip-audit's answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts import vulnerabilities

SOUND = {"name": "sound", "version": "1", "vulns": []}
VULNERABILITY = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.1"], "description": "..."}
FAULTY = {
    "name": "faulty",
    "version": "2",
    "vulns": [VULNERABILITY, {**VULNERABILITY, "id": "PYSEC-2", "fix_versions": []}],
}
SKIPPED = {"name": "unheard", "skip_reason": "not found on PyPI"}


def pip_audit(folder: Path, *packages: dict[str, Any], status: int = 0) -> str:
    """A pip-audit that gives this answer, whatever the file."""
    program = folder / "pip-audit"
    answer = json.dumps({"dependencies": packages, "fixes": []})
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\nexit {status}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("packages", "code"),
    [([SOUND], 0), ([SOUND, FAULTY], 1), ([SOUND, SKIPPED], 2), ([FAULTY, SKIPPED], 2)],
)
def test_missing_data_is_a_failure(tmp_path: Path, packages: list[dict[str, Any]], code: int) -> None:
    assert vulnerabilities.main(pip_audit(tmp_path, *packages, status=1)) == code


def test_each_vulnerability_is_listed_with_the_version_that_fixes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vulnerabilities.main(pip_audit(tmp_path, FAULTY, SKIPPED))
    output = capsys.readouterr().out
    for file in vulnerabilities.FILES:
        assert f"{file} (" in output
    assert "faulty 2: PYSEC-1, CVE-1; fixed in 2.1" in output
    assert "faulty 2: PYSEC-2, CVE-1; fixed in no version" in output
    assert "no data about 1 packages, because PyPI's JSON API (pypi.org) did not answer" in output


def test_a_pip_audit_that_fails_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text("#!/bin/sh\necho 'ConnectionError: no such host' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(vulnerabilities.AuditError, match="ConnectionError: no such host"):
        vulnerabilities.audited(str(program), "requirements.txt")
