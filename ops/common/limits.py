"""How long to wait for what, in seconds."""

from __future__ import annotations

import os
from dataclasses import dataclass

# An idle machine's limits are multiplied by at most this: then the answer is "too slow".
MOST = 4.0
CLOUD = 20.0


@dataclass(frozen=True)
class Limits:
    """On an idle machine a hung host costs `host` seconds, and all hosts together about six. The cloud is asked
    meanwhile, and waited for up to `cloud` seconds.

    `factor` is above 1 on a machine that has more to do than processors: what takes long there is not hung,
    and a lab's hosts share its processors.
    """

    factor: float = 1.0

    @classmethod
    def here(cls) -> Limits:
        return cls(min(max(os.getloadavg()[0] / (os.cpu_count() or 1), 1.0), MOST))

    @property
    def connect(self) -> int:
        return round(3 * self.factor)

    @property
    def host(self) -> float:
        """For connection and all answers of one host."""
        return 5 * self.factor

    @property
    def question(self) -> float:
        """For one command on a host; all of a host's are asked at once."""
        return 3.5 * self.factor

    @property
    def inside(self) -> float:
        """For what such a command waits for itself, so that it can still tell what it waited for."""
        return 2.5 * self.factor

    @property
    def sample(self) -> float:
        """In which a process's use of the processor is measured, while it is asked something."""
        return 1 * self.factor

    @property
    def cloud(self) -> float:
        """For all that is asked of the cloud, whatever the factor: an API that nobody asked for minutes is slow."""
        return CLOUD

    @property
    def endpoint(self) -> float:
        return 4 * self.factor
