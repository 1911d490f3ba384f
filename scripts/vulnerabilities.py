"""List known vulnerabilities of the pins; docs/security.md says which apply. usage: vulnerabilities.py PIP_AUDIT

If pip-audit finds no data about a package, it reports success; here that is a failure.
Exit code 0: no known vulnerability; 1: there are some; 2: for some packages there are no data.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ops.stack.outputs import ROOT

# Pins -> what they belong to.
FILES = {"requirements.txt": "the program", "files/congress/constraints.txt": "Congress on its hosts"}
LIMIT = 600  # seconds, for all packages of a file

Package = Mapping[str, Any]


class AuditError(Exception):
    """pip-audit failed; the text says why."""


def audited(pip_audit: str, file: str) -> list[Package]:
    """pip-audit's result for each package of a file: `vulns`, or `skip_reason` if it found no data."""
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


def report(packages: Iterable[Package]) -> Iterator[str]:
    """A line for each known vulnerability."""
    for package in packages:
        for vulnerability in package.get("vulns", ()):
            names = ", ".join([vulnerability["id"], *vulnerability["aliases"]])
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
            yield f"{package['name']} {package['version']}: {names}; fixed in {fixed}"


def main(pip_audit: str) -> int:
    vulnerable, unknown = 0, 0
    for file, owner in FILES.items():
        packages = audited(pip_audit, file)
        lines = list(report(packages))
        skipped = [package["name"] for package in packages if "skip_reason" in package]
        print(f"{file} ({owner}): {len(packages)} packages, {len(lines)} known vulnerabilities")
        for line in lines:
            print(f"  {line}")
        if skipped:
            print(
                f"  no data about {len(skipped)} packages, because PyPI's JSON API (pypi.org) did not answer: "
                f"{', '.join(skipped)}"
            )
        vulnerable, unknown = vulnerable + len(lines), unknown + len(skipped)
    if unknown:
        return 2
    return 1 if vulnerable else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except (AuditError, subprocess.TimeoutExpired) as problem:
        sys.exit(f"audit: {problem}")
