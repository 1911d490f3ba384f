from tests.congress_runtime.support.congress_python import run_script


def test_the_heartbeat_continues_after_an_error() -> None:
    assert run_script("heartbeat.py") == "5\n"


def test_upstream_s_heartbeat_ends() -> None:
    """The reason for patches.heartbeat."""
    assert run_script("heartbeat.py", "upstream") == "2\n"
