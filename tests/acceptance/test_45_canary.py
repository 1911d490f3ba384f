"""No secret is shown: known secrets are searched for in everything that runs write or show, and on every host."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openstack.connection import Connection

from tests.acceptance.support import canary_deployment, databases, secret_locations
from tests.acceptance.support.canary_deployment import (
    DATASOURCES,
    DECOY,
    GOOD,
    LOGIN,
    REFUSED,
    STATE,
    CanaryDeployment,
)
from tests.acceptance.support.console import VERBOSE, Console
from tests.acceptance.support.deployment import CONGRESS_HA, PULUMI, ROOT, STACK, Deployment, request
from tests.acceptance.support.processes import Watch

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]

LOGS = ROOT / ".toolchain/home/logs"
BROKEN = "policy-engine-host-1"
CONF = "/etc/congress/congress.conf"
ENGINE_JOURNAL = "journalctl --quiet -u congress-policy-engine@{} | grep -c 'Exception caught for request'"
# Hosts that are searched at the same time, on a machine with few cores.
AT_A_TIME = 2


@pytest.fixture(scope="module")
def began() -> float:
    return time.time()


@pytest.fixture(scope="module")
def canary(
    deployment: Deployment,
    clouds: dict[str, Connection],
    tmp_path_factory: pytest.TempPathFactory,
    began: float,
) -> Iterator[CanaryDeployment]:
    assert began
    with canary_deployment.canary_deployment(deployment, clouds, tmp_path_factory.mktemp("canary")) as canary:
        yield canary


def test_the_search_finds_every_form_of_every_secret(canary: CanaryDeployment) -> None:
    """The search finds a secret where there is one; otherwise finding none would prove nothing."""
    assert canary.ask("bastion", "missed") == []


def test_previews(canary: CanaryDeployment) -> None:
    for options in (("--diff",), ("--json",), ("--diff", *VERBOSE)):
        output = canary.preview(f"preview {' '.join(options)}", *options)
        assert BROKEN in output


def test_an_up_that_configures_every_congress_host(canary: CanaryDeployment) -> None:
    before = canary.deployment.steps_run()
    with Watch(canary.search, f"congress-{STACK}-") as watch:
        canary.up("up --diff --debug -v=4", "--diff", *VERBOSE)
        canary.deployment.on(
            BROKEN, f"CANARY='{canary.given[DECOY]}' bash -c 'sleep 1; true' '{canary.given[DECOY]}'"
        )
    ran = {name for name, when in canary.deployment.steps_run().items() if before.get(name) != when}
    assert {f"{BROKEN}-configuration", "datasource-node", "policy-engine-2"} <= ran
    host = f"a process on congress-{STACK}-{BROKEN}"
    shown = {(secret, where) for secret, _, where in watch.hits}
    assert {(DECOY, f"cmdline of {host}"), (DECOY, f"environ of {host}")} <= shown
    assert {secret for secret, _ in shown} == {DECOY}, sorted(watch.hits)
    assert watch.longest_pause < 2, (
        f"{watch.longest_pause:.1f} s were not watched; {watch.seen} processes seen"
    )


def test_callers_and_datasources(canary: CanaryDeployment, clouds: dict[str, Connection]) -> None:
    """Answers, and the engines' logs of requests that succeed, are refused, or end in an error."""
    member = str(clouds["lab"].authorize())

    def ask(method: str, path: str, body: object = None, token: str | None = canary.token) -> tuple[int, Any]:
        url = canary.deployment.endpoint + path
        answer = request(method, url, body, timeout=130, tls=canary.deployment.tls, token=token)
        name = f"answer {len(canary.console.shown)}, to {method} {path}"
        canary.console.shown[name] = json.dumps(answer.body).encode()
        return answer.status, answer.body

    statuses = [ask("GET", "/v1/policies", token=token)[0] for token in (None, member, canary.token)]
    assert statuses == [401, 403, 200]
    made = []
    for name, password in DATASOURCES.items():
        body = canary.datasource(name, password, clouds["lab-admin"])
        created, datasource = ask("POST", "/v1/data-sources", body)
        again, _ = ask("POST", "/v1/data-sources", body)
        assert [created, again] == [201, 409]
        made.append(datasource["id"])
    one = [f"/v1/data-sources/{id_}{what}" for id_ in made for what in ("", "/status")]
    output = [ask("GET", path) for path in ("/v1/data-sources", *one)]
    assert [status for status, _ in output] == [200] * 5
    fail_requests(canary, clouds["lab-admin"])


def fail_requests(canary: CanaryDeployment, admin: Connection) -> None:
    """Without its database an engine cannot answer, and logs the reason in its journal."""
    engine = canary.deployment.engines[0]
    body = canary.datasource(REFUSED, GOOD, admin)
    with canary.deployment.engine_urls() as urls:
        url = urls[engine["node_id"]]
        with databases.stopped(canary.deployment):
            # It may also miss the deadline.
            with contextlib.suppress(TimeoutError, urllib.error.URLError):
                request("GET", f"{url}/v1/policies", timeout=15, token=canary.token)
            with contextlib.suppress(TimeoutError, urllib.error.URLError):
                request("POST", f"{url}/v1/data-sources", body, timeout=15, token=canary.token)
    canary.deployment.well(120)
    assert int(canary.deployment.on(engine["host"], ENGINE_JOURNAL.format(engine["node_id"]))) > 0


def test_a_step_that_fails(canary: CanaryDeployment) -> None:
    """The step's script has every secret of congress.conf, and fails when it puts the file in its place."""
    change = ("--config", "congress-ha:policyEngines.syncPeriod=7", "--config-path")
    canary.deployment.on(BROKEN, f"mv {CONF} {CONF}.kept && mkdir {CONF}")
    try:
        output = canary.up("up with a step that fails", "--diff", *change, fails=True)
    finally:
        canary.deployment.on(BROKEN, f"rmdir {CONF} && mv {CONF}.kept {CONF}")
    assert f"{BROKEN}-configuration" in output
    assert "cannot overwrite" in output
    canary.up("up afterwards", *change)
    canary.deployment.well(60)


def test_other_commands_that_report_on_the_stack(canary: CanaryDeployment) -> None:
    for name in ("verify", "status"):
        canary.console.run(name, [*CONGRESS_HA, name, "--json"], timeout=120)
    for words in ("stack", "stack output", "stack output --json", "stack export", "stack history --json"):
        canary.console.run(words, [PULUMI, *words.split()], timeout=60)
    canary.console.run("config", [PULUMI, "config", *canary.options, "--json"], timeout=60)


def test_no_console_showed_a_secret(canary: CanaryDeployment) -> None:
    assert canary.console.leaks(canary.search) == []


def test_a_trace_with_secrets_is_for_the_user_alone(canary: CanaryDeployment) -> None:
    """From -v=5 on the provider logs its inputs; from -v=9 on the engine logs all requests and answers."""
    apart = Console(canary.console.folder / "trace")
    apart.folder.mkdir()
    trace = ("preview", "--non-interactive", *canary.options, "--diff", "--debug", "--logflow")
    for level in ("-v=5", "-v=9"):
        output = apart.run(f"{level} --logtostderr", [PULUMI, *trace, level, "--logtostderr"], fails=True)
        assert "leave --logtostderr out" in output
    apart.run("preview -v=9", [PULUMI, *trace, "-v=9"])
    assert apart.leaks(canary.search) == []
    logs = [file for file in apart.temporary.iterdir() if file.is_file()]
    assert {file.stat().st_mode & 0o777 for file in logs} == {0o600}
    # If the logs contain no secrets any more, --logtostderr need not be refused.
    assert any(canary.search.within(file.read_bytes()) for file in logs)
    shutil.rmtree(apart.folder)


def test_files_that_runs_leave_on_this_machine(canary: CanaryDeployment, began: float) -> None:
    """The state and its history, logs, temporary files."""
    folders = (STATE, LOGS, canary.console.temporary, canary.settings.parent)
    hits, files = canary.search.files(map(str, folders))
    passphrase = ("the state's passphrase", str(STATE / "passphrase"), "0600")
    # Exists only if `make ssh` was used.
    key = ("deployer-key", str(STATE / STACK / "id_ed25519"), "0600")
    assert {(hit["secret"], hit["location"], hit["mode"]) for hit in hits} - {key} == {passphrase}
    written = [file for file in (STATE / "pulumi").rglob("*.json") if file.stat().st_mtime >= began]
    assert written, f"{files} files were searched, and none of them was written by this test's runs"


def test_every_host_has_what_it_may_have_and_nothing_else(canary: CanaryDeployment) -> None:
    hosts = canary.deployment.outputs["hosts"]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        answers = dict(zip(hosts, pool.map(lambda host: canary.ask(host, "everywhere"), hosts), strict=True))
    wrong, decoys = [], set()
    for host, answer in answers.items():
        assert answer["files"] > 1000, f"{host}: only {answer['files']} files were searched"
        hits = [hit for hit in answer["hits"] if hit["secret"] != DECOY]
        decoys |= {(host, hit["location"].split(",")[0]) for hit in answer["hits"] if hit["secret"] == DECOY}
        role = hosts[host]["roles"][0]
        expected = secret_locations.allowed(host, role, LOGIN, len(canary.deployment.hosts(role)))
        wrong += secret_locations.report(host, hits, secret_locations.locations_of(hits) ^ expected)
    assert wrong == [], secret_locations.DIFFERENT
    # sudo logs the command that showed it.
    assert decoys >= {(BROKEN, "the journal")}
    assert {host for host, _ in decoys} == {BROKEN}


def test_consoles_of_the_servers(canary: CanaryDeployment, clouds: dict[str, Connection]) -> None:
    consoles = Console(canary.console.folder)
    for server in clouds["lab"].compute.servers():
        output = clouds["lab"].compute.get_server_console_output(server)["output"]
        assert output, f"{server.name} has no console log"
        consoles.shown[f"console of {server.name}"] = output.encode()
    assert len(consoles.shown) == len(canary.deployment.outputs["hosts"])
    assert consoles.leaks(canary.search) == []
