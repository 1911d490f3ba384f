"""What is wrong with a folder, as a test expects it: paths begin in the folder."""

from __future__ import annotations

from pathlib import Path

from policy_code.folder import read


def texts(folder: Path) -> list[str]:
    return [f"{Path(one.file).relative_to(folder)}:{one.line}: {one.text}" for one in read(folder).problems]
