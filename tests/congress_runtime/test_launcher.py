import os
import pwd
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.foundation.template import ROOT
from tests.congress_runtime.conftest import RUNTIME, Load


@pytest.fixture
def launcher(load: Load) -> Any:
    return load("launcher", oslo_config=SimpleNamespace(cfg=Cfg))


class Cfg:
    class Error(Exception): ...

    class ConfigOpts: ...

    CONF = SimpleNamespace(register_opts=lambda *_, **__: None)

    @staticmethod
    def IntOpt(*_: object, **__: object) -> None: ...  # noqa: N802 - oslo.config's name


def test_drops_root_in_the_only_order_that_works(launcher: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    for name in ("setuid", "setgid", "initgroups"):
        monkeypatch.setattr(os, name, lambda *arguments, name=name: calls.append((name, *arguments)))
    monkeypatch.setattr(os, "environ", {"HOME": "/root", "PATH": "/bin"})
    nobody = pwd.getpwnam("nobody")
    launcher.become_user("nobody")
    assert calls == [
        ("initgroups", "nobody", nobody.pw_gid),
        ("setgid", nobody.pw_gid),
        ("setuid", nobody.pw_uid),
    ]
    assert os.environ == {"HOME": nobody.pw_dir, "PATH": "/bin", "USER": "nobody", "LOGNAME": "nobody"}


def test_names_the_missing_user(launcher: Any) -> None:
    with pytest.raises(LookupError, match="no user 'no-such-user' to become: create it"):
        launcher.become_user("no-such-user")


def test_a_configuration_that_cannot_be_used(
    launcher: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def init(_: object) -> None:
        raise Cfg.Error("Failed to find some config files: /x.conf")

    guarded: list[int] = []
    monkeypatch.setattr(launcher.config, "init", init)
    monkeypatch.setattr(launcher, "start_guard", lambda silence, _nodes: guarded.append(silence))
    assert launcher.main(["--config-file=/x.conf"]) == 1
    assert capsys.readouterr().err == (
        "congress-server: cannot use the configuration: Failed to find some config files: /x.conf\n"
    )
    assert guarded == [0]


@pytest.mark.parametrize(("datasources", "seconds"), [(True, 30), (False, 120)])
def test_an_engine_s_loop_may_stand_still_as_long_as_its_callers_wait(
    launcher: Any, datasources: object, seconds: int
) -> None:
    conf = SimpleNamespace(
        datasources=datasources, watchdog=SimpleNamespace(deadline=30), dse=SimpleNamespace(long_timeout=120)
    )
    assert launcher.silence_limit(conf) == seconds


EVERY_NODE = [
    *("bus_certificate", "bus_host_names", "bus_silence"),
    *("request_log", "database_connections", "datasource_answers", "heartbeat", "large_json", "row_requests"),
]
DATASOURCE_NODE_ONLY = [
    *("actions", "drivers", "isolation", "polls", "publish", "push_order", "stop", "unpolled_tables"),
]
ENGINE_ONLY = [
    *("action_requests", "backlog", "dependency_graph", "evaluation", "evaluation_triggers"),
    *("evaluation_undone", "keystone_context", "policy_changes", "policy_deletion", "rows"),
    *("rule_differences", "rule_insert", "subscriptions", "table_names"),
]
PATCH_NAMES = [*EVERY_NODE, *DATASOURCE_NODE_ONLY, *ENGINE_ONLY]
FAKES = {
    # Packages that are installed here go before namespaces.
    "congress_runtime/__init__.py": "",
    "oslo_config/__init__.py": "",
    "oslo_log/__init__.py": "",
    "oslo_config/cfg.py": """
        from types import SimpleNamespace as _S
        class Error(Exception): ...
        class ConfigOpts: ...
        def IntOpt(*_, **__): ...
        CONF = _S(register_opts=lambda *_, **__: None, dse=_S(long_timeout=120), read=None)
        CONF.watchdog = _S(deadline=30, nodes=2)
    """,
    "congress/common/config.py": """
        from oslo_config import cfg
        def init(argv): cfg.CONF.read, cfg.CONF.datasources = argv, "--policy-engine" not in argv
        def setup_logging(): ...
    """,
    "congress/server/congress_server.py": """
        import os, signal, sys
        from oslo_config import cfg
        at_import = cfg.CONF.read
        def main():
            mask = os.umask(0)
            print(at_import, oct(mask), flush=True)
            if "late" in at_import:
                print("ready", flush=True)
                sys.stdin.read()
                import late
            if "wait" in at_import: signal.pause()
            if "refuse" in at_import: sys.exit("ERROR: no")
            if "fail" in at_import: raise KeyError("policy")
    """,
    "congress_runtime/watchdog.py": "def start(conf, beats): print('watched', flush=True)",
    "congress_runtime/collector.py": "def start(): print('collecting', flush=True)",
    "late.py": "print('of its own environment', flush=True)",
    **{
        f"congress_runtime/patches/{name}.py": f"def apply(): print({name!r}, flush=True)"
        for name in PATCH_NAMES
    },
    "oslo_log/log.py": """
        import logging
        import sys
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        getLogger = logging.getLogger
    """,
    "congress_runtime/guard.py": """
        import pathlib, sys
        pathlib.Path(__file__).parents[1].joinpath("nodes").write_text(sys.argv[3])
        pathlib.Path(__file__).parents[1].joinpath("heard").write_bytes(sys.stdin.buffer.read())
    """,
}


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    """Start the real launcher on stand-ins for Congress, as whoever runs the tests; its process."""
    processes: list[subprocess.Popen[str]] = []
    for name, text in FAKES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    for name in ("launcher.py", "patches/__init__.py"):
        (tmp_path / "congress_runtime" / name).write_text((RUNTIME / name).read_text())
    (tmp_path / "congress-server").write_text((ROOT / "files/congress/congress-server").read_text())

    def start(*arguments: str, path: Path = tmp_path) -> subprocess.Popen[str]:
        code = "import os, runpy, sys; sys.argv[:] = sys.argv[1:]; os.geteuid = lambda: 1;"
        code += "runpy.run_path(sys.argv[0], run_name='__main__')"
        process = subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "congress-server", *arguments],
            cwd=tmp_path,
            env={"PYTHONPATH": str(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:  # what a failed test left
        process.kill()


DATASOURCE_NODE = ["collecting", *EVERY_NODE, *DATASOURCE_NODE_ONLY, "watched"]


@pytest.mark.parametrize(
    ("role", "patches"),
    [
        ("--datasources", DATASOURCE_NODE),
        ("--policy-engine", ["collecting", *EVERY_NODE, *ENGINE_ONLY, "watched"]),
    ],
)
def test_reads_the_configuration_before_the_server_is_imported(
    started: Any, role: str, patches: list[str]
) -> None:
    with started("--config-file", "F", role) as process:
        output, _ = process.communicate(timeout=20)
    assert output.splitlines() == [*patches, f"['--config-file', 'F', '{role}'] 0o27"]
    assert process.returncode == 0


@pytest.mark.parametrize(("how", "why"), [("refuse", "ERROR: no"), ("fail", "KeyError: 'policy'")])
def test_a_node_that_fails_logs_the_reason_and_ends_at_once(started: Any, how: str, why: str) -> None:
    with started(how) as process:
        output, _ = process.communicate(timeout=20)
    assert output.strip().endswith(why)
    assert process.returncode == 1


def test_a_running_node_keeps_its_virtual_environment(started: Any, tmp_path: Path) -> None:
    link, other = tmp_path / "link", tmp_path / "other"
    link.symlink_to(tmp_path)
    other.mkdir()
    (other / "late.py").write_text("print('of another one', flush=True)")
    with started("late", path=link) as process:
        while process.stdout.readline() not in {"ready\n", ""}:
            pass
        link.unlink()
        link.symlink_to(other)
        output, _ = process.communicate(timeout=20)
    assert output.startswith("of its own environment")


def test_the_guard_reads_sigterm(started: Any, tmp_path: Path) -> None:
    with started("wait") as process:
        assert [process.stdout.readline().strip() for _ in DATASOURCE_NODE] == DATASOURCE_NODE
        assert process.stdout.readline().startswith("['wait']")
        assert Path(f"/proc/{process.pid}/oom_score_adj").read_text() == "500\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    heard = tmp_path / "heard"
    while not heard.exists() or not heard.read_bytes():  # the guard outlives the node by a moment
        time.sleep(0.05)
    assert heard.read_bytes() == bytes([signal.SIGTERM])
    assert (tmp_path / "nodes").read_text() == "2"
