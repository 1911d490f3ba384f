from tests.congress_runtime.support.of_congress import printed


def test_the_heartbeat_goes_on_after_one_that_failed() -> None:
    assert printed("failing_heartbeat.py") == "5\n"


def test_upstream_s_ends() -> None:
    """What patches.heartbeat is for."""
    assert printed("failing_heartbeat.py", "upstream") == "2\n"
