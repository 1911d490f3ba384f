"""HAProxy's own check of its rendered file."""

from __future__ import annotations

from pathlib import Path

from tests.support.certificates import authority
from tests.support.programs import program, run


def check(text: str, folder: Path) -> tuple[int, str]:
    """HAProxy's result; -dW makes a warning an error."""
    file, identity = folder / "haproxy.cfg", folder / "endpoint.pem"
    own = authority()
    identity.write_text(own.pem + own.key)
    file.write_text(text.replace("/etc/haproxy/endpoint.pem", str(identity)))
    checked = run(program("haproxy"), "-c", "-dW", "-f", file)
    return checked.returncode, checked.stdout + checked.stderr
