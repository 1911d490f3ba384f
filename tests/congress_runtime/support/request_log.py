"""Runs in Congress's virtual environment: prints what Congress's own API logs when requests fail.

usage: request_log.py [upstream]: with `upstream`, without our patch.
"""

import logging
import sys

import congress_runtime.patches.removed_names  # noqa: F401
import webob
from congress.api.application import ApiApplication
from oslo_middleware import CatchErrors


class Failing:
    def get_handler(self, _: object) -> None:
        raise RuntimeError("the database is away")


def fail(_: object) -> None:
    raise RuntimeError("keystone is away")


def main(words: list[str]) -> None:
    logging.basicConfig(stream=sys.stdout, format="%(name)s: %(message)s")
    if not words:
        from congress_runtime.patches import request_log  # noqa: PLC0415

        request_log.apply()
    for application in (ApiApplication(Failing()), CatchErrors(webob.dec.wsgify(fail))):
        request = webob.Request.blank("/v1/data-sources", method="POST", json={"password": "a password"})
        request.headers["X-Auth-Token"] = "a token"
        print(request.get_response(application).status_int)


main(sys.argv[1:])
