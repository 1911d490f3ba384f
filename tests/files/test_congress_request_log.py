from pathlib import Path

from components.template import ROOT
from tests.render.judges import congress_python, run


def logged(*words: str) -> str:
    paths = {"PYTHONPATH": str(ROOT / "files/congress"), "PYTHONWARNINGS": "ignore"}
    paths["PYTHONDONTWRITEBYTECODE"] = "1"
    done = run(congress_python(), Path(__file__).with_name("failed_request.py"), *words, env=paths)
    assert done.returncode == 0, done.stderr
    text = done.stdout
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
    """What congress_request_log is for; once Congress does better by itself, it can go."""
    text = logged("upstream")
    assert "X-Auth-Token: a token" in text
    assert "a password" in text
