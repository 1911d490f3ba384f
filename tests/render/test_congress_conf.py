"""congress.conf and an engine's own file, validated by oslo.config with Congress's own options."""

from __future__ import annotations

import pytest

from components.foundation.template import render
from tests.render.support.cases import Case, Validator, case, cases
from tests.render.support.congress_conf import Reader
from tests.render.support.contexts.congress_host import AUTHTOKEN, CONGRESS


@pytest.mark.parametrize("case", cases(Validator.CONGRESS), ids=str)
def test_congress_knows_every_key_and_value(case: Case, read: Reader) -> None:
    parsed = read(case.text)
    assert parsed.errors == []
    assert parsed.values


def test_values_are_what_the_document_asks_for(read: Reader) -> None:
    """The document: transport_url, replicated_policy_engine = True, a connection to the shared database."""
    values = read(case("congress_host/congress.conf.j2").text).values
    assert values["DEFAULT.transport_url"] == CONGRESS["transport_url"]
    assert values["DEFAULT.replicated_policy_engine"] is True
    assert values["database.connection"] == CONGRESS["connection"]
    assert values["DEFAULT.auth_strategy"] == "noauth"
    assert values["DEFAULT.datasource_sync_period"] == 5
    assert values["evaluation.limit"] == 60
    # The folder in which configuration.sh.j2 writes aes_key.
    assert values["DEFAULT.encryption_key_path"] == "/etc/congress/keys"
    assert values["DEFAULT.api_paste_config"] == "/etc/congress/api-paste.ini"


def test_the_options_of_keystone_are_read_unchanged(read: Reader) -> None:
    values = read(case("congress_host/congress.conf.j2", "keystone").text).values
    assert values["DEFAULT.auth_strategy"] == "keystone"
    parsed = {key.removeprefix("keystone_authtoken."): value for key, value in values.items()}
    assert {key: parsed[key] for key in AUTHTOKEN} == AUTHTOKEN


@pytest.mark.parametrize(
    "password", ["$", "$$a", "${b}", "'quoted'", '"', '"a', " a ", "\\", "a\\\\b", "%(c)s", "=:#"]
)
def test_any_password_is_read_unchanged(read: Reader, password: str) -> None:
    context = {**CONGRESS, "authtoken": {**AUTHTOKEN, "password": password}}
    parsed = read(render("congress_host/congress.conf.j2", context) + "\n")
    assert parsed.errors == []
    assert parsed.values["keystone_authtoken.password"] == password


def test_engine_adds_its_address_and_port(read: Reader) -> None:
    """In the order of the unit's command line: a later file takes precedence."""
    engine = case("policy_engines/engine.conf.j2", "tenth")
    values = read(case("congress_host/congress.conf.j2").text, engine.text).values
    assert values["DEFAULT.bind_port"] == 1798
    assert values["DEFAULT.bind_host"] == engine.context["address"]
    assert values["DEFAULT.replicated_policy_engine"] is True


@pytest.mark.parametrize(
    ("old", "new", "option"),
    [
        ("transport_url", "transport_uri", "DEFAULT.transport_uri"),
        ("connection = mysql", "connexion = mysql", "database.connexion"),
        ("deadline = 30", "deadline = 3", "watchdog.deadline"),
        ("limit = 60", "limit = 0", "evaluation.limit"),
        ("datasource_sync_period = 5", "datasource_sync_period = five", "DEFAULT.datasource_sync_period"),
    ],
)
def test_what_congress_does_not_know_is_an_error(read: Reader, old: str, new: str, option: str) -> None:
    text = case("congress_host/congress.conf.j2").text
    assert old in text
    assert [error.split(":")[0] for error in read(text.replace(old, new)).errors] == [option]
