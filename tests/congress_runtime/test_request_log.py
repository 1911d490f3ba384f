from tests.congress_runtime.support.of_congress import printed


def logged(*words: str) -> str:
    text = printed("failed_request.py", *words)
    assert text.splitlines().count("500") == 2
    assert "RuntimeError: the database is away" in text
    assert "RuntimeError: keystone is away" in text
    return text


def test_a_request_that_failed_is_named_without_its_secrets() -> None:
    text = logged()
    first_line = "POST /v1/data-sources HTTP/1.0\n"
    assert f"Exception caught for request: {first_line}" in text
    assert f"An error occurred during processing the request: {first_line}" in text
    assert "a token" not in text
    assert "a password" not in text


def test_upstream_alone_shows_them() -> None:
    """What patches.request_log is for; once Congress does better by itself, it can go."""
    text = logged("upstream")
    assert "X-Auth-Token: a token" in text
    assert "a password" in text
