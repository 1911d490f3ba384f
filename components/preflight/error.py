"""The error with which the checks of the cloud and of the state end the program."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi


class CloudError(pulumi.RunError):
    """The problems that were found in the cloud, one line each. Pulumi shows a RunError without a traceback."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"The cloud does not fit the settings; nothing was changed.\n{lines}")
