"""Log of a request that failed what it was, not what it brought.

Upstream writes the whole request into its log when answering it ends in an error that it did not expect, such as a
database that is away: the caller's token in its headers, and in its body the password of a datasource that is to be
made. Here it is method and address.
"""

import logging

import webob

LOGGERS = ("congress.api.application", "oslo_middleware.catch_errors")


class FirstLines(logging.Filter):
    """A request's text begins with method and address."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(first_line, record.args))
        return True


def first_line(value: object) -> object:
    return next(iter(str(value).splitlines()), "") if isinstance(value, (str, webob.Request)) else value


def apply() -> None:
    for name in LOGGERS:
        logging.getLogger(name).addFilter(FirstLines())
