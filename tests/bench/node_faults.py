"""Real faults of a real Congress node; run by hand.

    python -m tests.bench.node_faults VENV [SCENARIO...]        (root, Debian 12, about 8 minutes)

VENV is a virtual environment with the packages of files/congress/constraints.txt; congress_runtime is copied into it.
MariaDB and RabbitMQ must be installed: the program starts its own on loopback, with their state in a temporary folder.
Only Pacemaker's two commands are fakes, which record their calls. Prints the observations.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from tests.bench.node_bench import API_PORT, DEADLINE, Bench, wait

ENGINE = ("--api", "--policy-engine")
PATIENCE = 120 + 2 * DEADLINE
# A node whose service loop blocks five seconds after the start.
HANG = """
import sys
from congress_runtime import launcher
def setup_logging(real=launcher.config.setup_logging):
    import eventlet
    eventlet.spawn_after(8, eventlet.patcher.original("time").sleep, 1000)
    real()
launcher.config.setup_logging = setup_logging
sys.exit(launcher.main(sys.argv[1:]))
"""


def ends(bench: Bench, node: subprocess.Popen[bytes], reports: int = 1, within: float = 100) -> None:
    """Wait for the end of `node`, which must be reported to Pacemaker `reports` times."""
    logged, before = len(bench.logged), bench.reported()
    took = wait("the node ends", lambda: node.poll() is not None, within)
    if reports:
        late = wait("Pacemaker is told", lambda: bench.reported() > before, 15)
        print(f"    ended after {took:.1f} s, exit code {node.returncode}, reported {late:.1f} s later")
    else:
        time.sleep(3)
        print(f"    ended after {took:.1f} s, exit code {node.returncode}, not reported")
    assert node.returncode != 0 or not reports
    assert bench.reported() - before == reports
    time.sleep(0.5)
    print(f"    log: {bench.log_since(logged)}")


def stop(bench: Bench) -> None:
    with bench.node() as node:
        print(f"    serves {wait('the node serves', bench.serving):.1f} s after its start")
        node.terminate()
        ends(bench, node, reports=0)


def crash(bench: Bench) -> None:
    with bench.serving_node() as node:
        node.kill()
        ends(bench, node)


def stopped(bench: Bench) -> None:
    with bench.serving_node() as node:
        node.send_signal(signal.SIGSTOP)
        ends(bench, node)


def hung(bench: Bench) -> None:
    program = bench.home / "hang.py"
    program.write_text(HANG)
    with bench.serving_node(program=str(program)) as node:
        ends(bench, node)


def bus_lost(bench: Bench) -> None:
    with bench.serving_node() as node:
        bench.stop("bus")
        ends(bench, node)
    bench.bus()


def database_lost(bench: Bench) -> None:
    with bench.serving_node() as node:
        bench.stop("database")
        ends(bench, node)
    bench.database()


def short_outages(bench: Bench) -> None:
    for service, begin in (("bus", bench.bus), ("database", bench.database)):
        with bench.serving_node() as node:
            start = time.monotonic()
            bench.stop(service)
            time.sleep(5)
            begin()
            away = time.monotonic() - start
            back = wait("the node serves again", bench.serving)
            time.sleep(2 * DEADLINE)
            assert node.poll() is None
            assert bench.serving()
            print(f"    {service} away for {away:.1f} s: serves again {back:.1f} s later, and goes on")


def bus_short_of_memory(bench: Bench) -> None:
    """The bus accepts no publication, of a running node and of one that starts meanwhile."""
    for name, roles, serves in (
        ("datasource node", ("--datasources",), bench.serving),
        ("policy engine", ENGINE, lambda: answer() == 200),
    ):
        for starts_meanwhile in (False, True):
            if starts_meanwhile:
                bench.memory_for_bus(enough=False)
            with bench.node(*roles) as node:
                if not starts_meanwhile:
                    wait("the node serves", serves)
                    time.sleep(DEADLINE)  # until the watchdog has its answer
                    bench.memory_for_bus(enough=False)
                logged = len(bench.logged)
                # Longer than any timeout of the watchdog.
                time.sleep(PATIENCE if starts_meanwhile else 3 * DEADLINE)
                assert node.poll() is None, bench.log_since(logged)
                waits = sum("this node waits" in line for line in bench.logged[logged:])
                assert waits
                bench.memory_for_bus(enough=True)
                again = wait("the node serves", serves)
                time.sleep(DEADLINE)
                assert node.poll() is None, bench.log_since(logged)
                what = "that starts meanwhile" if starts_meanwhile else "that works"
                print(f"    a {name} {what}: said {waits} times that it waits, serves {again:.1f} s after")


def cannot_start(bench: Bench) -> None:
    for changes in (
        {"bus_password": "wrong"},
        {"db_password": "wrong"},
        {"bus_port": 1},
        {"db_port": 1},
        {"deadline": 1},
    ):
        print(f"    {changes}")
        with bench.node(config=bench.config("wrong.conf", **changes)) as node:
            ends(bench, node)
    with bench.node(config="/nonexistent.conf") as node:
        ends(bench, node)


def engine(bench: Bench) -> None:
    for service, begin in (("database", bench.database), ("bus", bench.bus)):
        with bench.node(*ENGINE) as node:
            wait("the engine answers 200", lambda: answer() == 200)
            logged = len(bench.logged)
            bench.stop(service)
            start = time.monotonic()
            while node.poll() is None and time.monotonic() - start < 3 * DEADLINE:
                time.sleep(0.1)
            ended = "lives" if node.poll() is None else f"ended, exit code {node.returncode},"
            print(
                f"    without {service}: {ended} after {time.monotonic() - start:.1f} s, answers {answer()}"
            )
            time.sleep(0.5)
            print(f"    log: {bench.log_since(logged)}")
            begin()
            if node.poll() is None:
                print(f"    answers 200 again after {wait('200', lambda: answer() == 200):.1f} s")


def answer() -> int | str:
    """The HTTP status of the engine's list of policies."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{API_PORT}/v1/policies", timeout=5) as got:
            return int(got.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return str(error)


SCENARIOS: dict[str, Callable[[Bench], None]] = {
    "an ordered stop": stop,
    "process killed": crash,
    "process stopped (SIGSTOP)": stopped,
    "service loop blocked": hung,
    "bus lost": bus_lost,
    "database lost": database_lost,
    "short outages": short_outages,
    "bus short of memory": bus_short_of_memory,
    "a start that cannot work": cannot_start,
    "policy engine": engine,
}


def main() -> None:
    if "FAULTS_NAMESPACE" not in os.environ:
        os.environ["FAULTS_NAMESPACE"] = "1"  # /dev/log and /usr/sbin of our own, gone with the last process
        again = [sys.executable, "-m", "tests.bench.node_faults", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", "--mount", *again])  # noqa: S606
    venv, wanted = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="node-faults-") as home:
        bench = Bench(pathlib.Path(home), venv)
        try:
            bench.prepare()
            for name, scenario in SCENARIOS.items():
                if not wanted or name in wanted:
                    print(f"{name} (deadline {DEADLINE} s)", flush=True)
                    scenario(bench)
        finally:
            for name in list(bench.processes):
                bench.stop(name)


if __name__ == "__main__":
    main()
