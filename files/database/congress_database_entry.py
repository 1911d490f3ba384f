"""Whether new connections to the virtual address wait on this host."""

from __future__ import annotations

import subprocess

from congress_database_look import DatabaseError

TABLE = "inet congress-ha-database"
PORT = 3306
# Seconds until it ends by itself; by then Pacemaker has moved the address.
LIMIT = 15
# As long as a former writer has the address, a client would reach it and could not write. Congress does not repeat a
# request whose connection is refused, but TCP repeats one that gets no answer, and then reaches the next writer.
HOLD_BACK = f"""table {TABLE}
delete table {TABLE}
table {TABLE} {{
  set held {{ type inet_service; flags timeout; elements = {{ {PORT} timeout {LIMIT}s }}; }}
  chain input {{
    type filter hook input priority filter - 1; policy accept;
    ip daddr %s tcp dport @held tcp flags & (syn | ack) == syn drop
  }}
}}
"""
ALLOW = f"table {TABLE}\ndelete table {TABLE}\n"


def hold_back(address: str) -> None:
    _nft(HOLD_BACK % address)


def allow() -> None:
    _nft(ALLOW)


def _nft(rules: str) -> None:
    """Raises DatabaseError."""
    done = subprocess.run(
        ["nft", "-f", "-"], input=rules, capture_output=True, text=True, timeout=10, check=False
    )
    if done.returncode:
        raise DatabaseError(f"nft: {' '.join(done.stderr.split())}")
