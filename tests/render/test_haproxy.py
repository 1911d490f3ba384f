"""haproxy.cfg, validated by HAProxy, and what the HA document and Congress's behaviour require of it."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.render.support.cases import Case, Validator, case, cases
from tests.render.support.haproxy_check import check

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "": 0.001}
CONGRESS_TIMEOUT = 120  # s that Congress itself may take over a request to a datasource node that died
Sections = dict[str, list[list[str]]]


def sections(text: str) -> Sections:
    """Heading of a section -> its lines as words, without comments."""
    parsed: Sections = defaultdict(list)
    heading = ""
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if line[0].isspace():
            parsed[heading].append(words)
        else:
            heading = " ".join(words)
            parsed[heading] = []
    return parsed


def seconds(section: list[list[str]], name: str) -> float:
    (value,) = [words[2] for words in section if words[:2] == ["timeout", name]]
    match = re.fullmatch(r"(\d+)(ms|s|m|h|)", value)
    assert match, value
    return int(match[1]) * SECONDS[match[2]]


@pytest.mark.parametrize("case", cases(Validator.HAPROXY), ids=str)
def test_haproxy_accepts_it_without_a_warning(case: Case, tmp_path: Path) -> None:
    status, output = check(case.text, tmp_path)
    assert status == 0, output


def test_haproxy_refuses_what_is_wrong(tmp_path: Path) -> None:
    text = case("load_balancer/haproxy.cfg.j2").text
    assert check(text.replace("option redispatch", "option redispath"), tmp_path)[0] == 1
    assert check(text.replace("policy-engine-2 ", "policy-engine-1 "), tmp_path)[0] == 1


@pytest.mark.parametrize("case", cases(Validator.HAPROXY), ids=str)
def test_every_engine_is_a_checked_server_once(case: Case) -> None:
    """The document: "distribute incoming API requests to the N policy-engine (and API service) nodes"."""
    backend = sections(case.text)["backend policy_engines"]
    servers = [words[1:] for words in backend if words[0] == "server"]
    wanted = [
        [s["node_id"], f"{s['address']}:{s['port']}", "id", str(s["id"]), "agent-port", str(s["agent_port"])]
        for s in case.context["servers"]
    ]
    assert servers == wanted
    assert len({words[1] for words in servers}) == len(servers)
    defaults = [words for words in backend if words[0] == "default-server"]
    assert any("check" in words and "agent-check" in words for words in defaults)


@pytest.fixture
def parsed() -> Sections:
    return sections(case("load_balancer/haproxy.cfg.j2").text)


def test_client_stays_on_its_engine(parsed: Sections) -> None:
    """The document: "It is recommended that a sticky configuration be used"."""
    backend = parsed["backend policy_engines"]
    assert ["stick", "store-request", "src"] in backend
    (table,) = [words for words in backend if words[0] == "stick-table"]
    assert table[1:3] == ["type", "ip"]
    assert table[-2:] == ["peers", "load_balancer"]  # else a reload forgets who stays where


def test_client_of_a_dead_engine_is_sent_to_another(parsed: Sections) -> None:
    assert ["option", "redispatch"] in parsed["defaults"]
    (retries,) = [int(words[1]) for words in parsed["defaults"] if words[0] == "retries"]
    assert retries >= 1


def test_congress_itself_answers_a_request_that_hangs(parsed: Sections) -> None:
    everywhere = [section for name, section in parsed.items() if name != "defaults"]
    assert not any(words[:2] == ["timeout", "server"] for section in everywhere for words in section)
    assert seconds(parsed["defaults"], "server") > CONGRESS_TIMEOUT
    assert seconds(parsed["defaults"], "client") > CONGRESS_TIMEOUT


def test_a_check_needs_nothing_that_a_busy_engine_cannot_give(parsed: Sections) -> None:
    """The kernel accepts a connection; the agent checks everything else."""
    backend = parsed["backend policy_engines"]
    assert not [words for words in backend if words[0] in {"http-check", "tcp-check", "option"}]


def test_statistics_are_available_only_on_the_host_itself(parsed: Sections) -> None:
    binds = {name: [words[1] for words in section if words[0] == "bind"] for name, section in parsed.items()}
    assert {name: bind for name, bind in binds.items() if bind} == {
        "frontend congress_api": ["10.20.0.4:1789"],
        "frontend engine_state": ["10.20.0.4:8405"],
        "frontend statistics": ["127.0.0.1:8404"],
    }
    assert ["stats", "enable"] in parsed["frontend statistics"]


PAIR = ("first-of-two", "second-of-two")


@pytest.mark.parametrize("variant", PAIR)
def test_each_of_two_serves_the_address_that_it_does_not_hold_yet(variant: str) -> None:
    known = case("load_balancer/haproxy.cfg.j2", variant)
    parsed = sections(known.text)
    assert ["bind", ":1789", "ssl", "crt", "/etc/haproxy/endpoint.pem"] in parsed["frontend congress_api"]
    # The two hear each other at addresses that stay, and each knows which of them it is.
    assert parsed["peers load_balancer"] == [
        ["peer", "load-balancer", "10.20.0.4:8406"],
        ["peer", "load-balancer-2", "10.20.0.7:8406"],
    ]
    assert ["localpeer", known.context["name"]] in parsed["global"]
    (bind,) = [words for words in parsed["frontend engine_state"] if words[0] == "bind"]
    assert bind == ["bind", f"{known.context['address']}:8405"]


def test_a_single_one_serves_its_own_address_alone() -> None:
    text = case("load_balancer/haproxy.cfg.j2").text
    assert "leaving" not in text
    assert "    bind 10.20.0.4:1789 ssl" in text
    script = case("load_balancer/haproxy.sh.j2").text
    assert "systemctl disable -q --now keepalived" in script
    assert not any(
        "systemctl disable" in case("load_balancer/haproxy.sh.j2", variant).text for variant in PAIR
    )
