"""Step 1 of the document with a database that the operator already has."""

from __future__ import annotations

from urllib.parse import quote

import pulumi

from components.congress_host import CongressHost
from components.database import TIMEOUTS, connections, tls
from components.external import ExternalService
from roles import DATABASE
from settings import ExternalDatabase as Setting


class ExternalDatabase(ExternalService):
    """`connection` is the value of Congress's `[database] connection`, known after the trial.

    `identity`: a text that changes when it is another database. `is_filled`: it must have Congress's tables already,
    because the stack's own database, which it replaces, is deleted in this run.
    """

    connection: pulumi.Output[str]
    identity: str

    def __init__(
        self,
        name: str,
        setting: Setting,
        tried_on: CongressHost,
        *,
        engines: int,
        is_filled: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            "congress-ha:index:ExternalDatabase",
            name,
            DATABASE,
            tried_on,
            place=setting.place,
            ca=setting.ca,
            password=setting.password,
            program="database/check_database.py",
            request={
                "host": setting.host,
                "port": setting.port,
                "name": setting.name,
                "user": setting.user,
                "connections": connections(engines),
                "is_filled": is_filled,
            },
            opts=opts,
        )
        self.identity = setting.place
        self.connection = self.known_after_trial(
            self.password.apply(lambda password: url(setting, password, self.ca_file))
        )
        self.register_outputs({})


def url(setting: Setting, password: str, ca_file: str) -> str:
    login = f"{quote(setting.user, safe='')}:{quote(password, safe='')}"
    place = f"{setting.host}:{setting.port}/{setting.name}"
    return f"mysql+pymysql://{login}@{place}?charset=utf8&{TIMEOUTS}&{tls(ca_file)}"
