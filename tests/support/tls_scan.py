"""What sslscan, from Debian's package, finds on a server."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.support.programs import program, run


def protocols(server: str) -> set[str]:
    """The protocols of `server` (host:port). Asserts that nothing else about it is old or weak."""
    scanned = run(program("sslscan"), "--no-colour", "--xml=-", server, deadline=100)
    assert scanned.returncode == 0, scanned.stdout + scanned.stderr
    result = ET.fromstring(scanned.stdout).find("ssltest")  # noqa: S314  a program's that was started here
    assert result is not None, scanned.stdout
    ciphers = [cipher.attrib for cipher in result.iter("cipher")]
    assert ciphers, scanned.stdout
    assert {cipher["strength"] for cipher in ciphers} <= {"strong", "acceptable"}, ciphers
    # Forward secrecy: the key exchange of TLS 1.3, and of 1.2 with ECDHE.
    assert all(cipher["cipher"].startswith(("TLS_", "ECDHE-")) for cipher in ciphers), ciphers
    assert all(one.get("vulnerable") == "0" for one in result.iter("heartbleed")), scanned.stdout
    assert all(one.get("supported") == "0" for one in result.iter("compression")), scanned.stdout
    spoken = {(p.get("type"), p.get("version")) for p in result.iter("protocol") if p.get("enabled") == "1"}
    return {f"{kind.upper().replace('TLS', 'TLSv')}{version}" for kind, version in spoken if kind and version}
