"""Shows what pip-audit knows of the pins: docs/security.md says what applies. usage: vulnerabilities.py PIP_AUDIT

pip-audit itself reports success for a package that nobody could tell it anything of; here that is a failure.
Exit code 0: no known vulnerability; 1: some; 2: it is not known of some packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ops.stack.outputs import ROOT

# Pins -> whose they are.
FILES = {"requirements.txt": "the program", "files/congress/constraints.txt": "Congress on its hosts"}
LIMIT = 600  # seconds for all packages of a file

Package = Mapping[str, Any]


class AuditError(Exception):
    """pip-audit could not do its work; the text says why."""


def audited(pip_audit: str, file: str) -> list[Package]:
    """What pip-audit says of each package of a file: `vulns`, or `skip_reason` where it learnt nothing."""
    options = [
        "--no-deps",
        "--disable-pip",
        "--require-hashes",
        "--progress-spinner",
        "off",
        "--format",
        "json",
    ]
    done = subprocess.run(
        [pip_audit, *options, "--requirement", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    try:
        packages: list[Package] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise AuditError(
            f"pip-audit failed: {(done.stderr.strip() or 'no answer').splitlines()[-1]}"
        ) from None
    return packages


def told(packages: Iterable[Package]) -> Iterator[str]:
    """A line for each known vulnerability."""
    for package in packages:
        for known in package.get("vulns", ()):
            names = ", ".join([known["id"], *known["aliases"]])
            mended = ", ".join(known["fix_versions"]) or "no version"
            yield f"{package['name']} {package['version']}: {names}; mended in {mended}"


def main(pip_audit: str) -> int:
    found, unknown = 0, 0
    for file, whose in FILES.items():
        packages = audited(pip_audit, file)
        lines = list(told(packages))
        skipped = [package["name"] for package in packages if "skip_reason" in package]
        print(f"{file} ({whose}): {len(packages)} packages, {len(lines)} known vulnerabilities")
        for line in lines:
            print(f"  {line}")
        if skipped:
            print(
                f"  nothing is known of {len(skipped)} packages: PyPI's JSON API (pypi.org) did not answer for them: "
                f"{', '.join(skipped)}"
            )
        found, unknown = found + len(lines), unknown + len(skipped)
    if unknown:
        return 2
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except (AuditError, subprocess.TimeoutExpired) as problem:
        sys.exit(f"audit: {problem}")
