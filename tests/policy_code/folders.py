"""Writes folders of policies for tests, with one mistake or with many."""

from __future__ import annotations

from pathlib import Path

NOVA = """\
name: nova
driver: nova
config:
  auth_url: http://192.0.2.1/v3
  username: congress
  password: {secret: congress-password}
  project_name: service
"""


def write(folder: Path, **files: str) -> Path:
    """`a__b` is the file b.yaml in the folder a, `a_test` the cases of a."""
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/').replace('_test', '.test')}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def policy(name: str, *rules: str) -> str:
    """Rule i is in line 3 + i."""
    return f"name: {name}\nrules:\n" + "".join(f"- rule: {rule}\n" for rule in rules)


def case(**parts: str) -> str:
    """One case: its name is in line 2, the parts follow."""
    return "cases:\n- name: one\n" + "".join(f"  {key}: {value}\n" for key, value in parts.items())
