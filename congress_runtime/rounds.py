"""Counts the rounds in which a datasource node synchronises its datasources; the watchdog wants the number to grow.

Seen once, after a datasource was deleted at the moment of its poll: the node answered the watchdog over the bus, but
it logged, polled, created and deleted nothing for eight minutes, until it was restarted by hand.
"""

ended = 0


def end() -> None:
    """A round has ended, also by an error that was logged: an error that lasts is better than a node that restarts."""
    global ended  # noqa: PLW0603  the process has one node
    ended += 1
