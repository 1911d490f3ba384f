"""Scripts that run on hosts. Each is sent as one file and imports only modules that the host has.

runner: several commands in parallel. drift: compares a host with what its steps recorded. engine, unit: probes of a
policy engine. schema, reencrypt: run by Congress's Python for backup and restore.
"""

from pathlib import Path

REMOTE = Path(__file__).parent
