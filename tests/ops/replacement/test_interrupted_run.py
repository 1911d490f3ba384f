"""The record of a replacement that has begun."""

from __future__ import annotations

from pathlib import Path

from ops.replacement.interrupted_run import RecordFile, ReplacementRecord


def test_the_note_is_private(tmp_path: Path) -> None:
    record_file = RecordFile("organization/congress-ha/prod", "database", tmp_path)
    record_file.write(ReplacementRecord("id", "backup", "digest"))
    assert record_file.file.stat().st_mode & 0o777 == 0o600
    assert record_file.read() == ReplacementRecord("id", "backup", "digest")
