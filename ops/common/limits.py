"""Time limits of everything that an operator's command waits for, in seconds."""

from __future__ import annotations

import os
from dataclasses import dataclass

# Upper bound of Limits.factor. A host that needs longer is reported as too slow.
MAX_FACTOR = 4.0
CLOUD_TIMEOUT = 20.0


@dataclass(frozen=True)
class Limits:
    """The limits of one run. On an idle machine a hung host costs `host` seconds, all hosts together about six.

    The cloud is asked in parallel and gets up to `cloud` seconds. `factor` is above 1 on a machine with more runnable
    processes than processors. On such a machine, a slow answer does not mean a hung host. The hosts of a lab also share
    its processors.
    """

    factor: float = 1.0

    @classmethod
    def for_this_machine(cls) -> Limits:
        return cls(min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), MAX_FACTOR))

    @property
    def connect(self) -> int:
        return round(3 * self.factor)

    @property
    def host(self) -> float:
        """Limit for the connection and all answers of one host."""
        return 5 * self.factor

    @property
    def command(self) -> float:
        """Limit for one command on a host. All commands of a host run in parallel."""
        return 3.5 * self.factor

    @property
    def probe(self) -> float:
        """Limit that a probe applies itself: shorter than `command`, so that it can still report what it waited for."""
        return 2.5 * self.factor

    @property
    def sample(self) -> float:
        """Period over which the processor use of a process is measured."""
        return 1 * self.factor

    @property
    def cloud(self) -> float:
        """Limit for all requests to the cloud. `factor` does not apply: an API that was idle for minutes is slow."""
        return CLOUD_TIMEOUT

    @property
    def endpoint(self) -> float:
        return 4 * self.factor
