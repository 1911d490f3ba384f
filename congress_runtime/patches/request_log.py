"""Log only method and address of a failed request.

After an unexpected error, for example when the database does not answer, upstream logs the whole request. Its headers
contain the caller's token, and its body may contain the password of a new datasource.
"""

import logging

import webob

LOGGERS = ("congress.api.application", "oslo_middleware.catch_errors")


class FirstLines(logging.Filter):
    """Keeps the first line of each argument: a request's text begins with its method and address."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(map(first_line, record.args))
        return True


def first_line(value: object) -> object:
    return next(iter(str(value).splitlines()), "") if isinstance(value, (str, webob.Request)) else value


def apply() -> None:
    for name in LOGGERS:
        logging.getLogger(name).addFilter(FirstLines())
