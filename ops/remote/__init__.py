"""Scripts that hosts run; each is sent as a whole, and imports nothing but the host's own modules."""

from pathlib import Path

REMOTE = Path(__file__).parent
