"""The trial of an external message bus, against a real RabbitMQ, with Congress's own Python."""

from __future__ import annotations

import json

import pytest

from components.foundation.template import ROOT
from tests.support.certificates import authority
from tests.support.programs import congress_python, private, program, run

Trials = dict[str, str]


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Trials:
    """What each of the trials said: one broker for all, because its start takes long."""
    program("rabbitmqctl")
    folder = tmp_path_factory.mktemp("rabbitmq")
    signer = authority()
    own = signer.sign("a broker", names=["localhost"])
    for name, text in {"ca": signer.pem, "own": own.pem + own.key, "another": authority().pem}.items():
        (folder / f"{name}.pem").write_text(text)
    driver = ROOT / "tests/files/support/bus_trials.py"
    argv = (congress_python(), driver, folder, ROOT / "files/messaging/check_bus.py")
    done = run(*private(argv, {}), deadline=280)
    assert done.returncode == 0, done.stderr
    said: Trials = json.loads(done.stdout)
    return said


pytestmark = pytest.mark.timeout(300)


def test_a_fit_bus_is_accepted_and_keeps_nothing_of_the_trial(trials: Trials) -> None:
    assert trials["fit"] == ""
    assert trials["left"].split() in ([], ["name"])


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        ("another name", "127.0.0.1:5671: its certificate is not one for 127.0.0.1"),
        ("another authority", "localhost:5671: its certificate is not one for localhost"),
        ("without TLS", "localhost:5672: it speaks no TLS"),
        ("nobody", "localhost:5771: no connection"),
        ("wrong password", "localhost:5671: it refuses the login"),
        ("missing vhost", "localhost:5671: it refuses the login"),
        ("apart", "mq2:5671 does not know its queues, so the two are not members of one cluster"),
        ("own names alone", "localhost:5671: its user may not do what Congress does"),
    ],
)
def test_what_is_wrong_is_one_sentence_that_names_the_broker(trials: Trials, trial: str, words: str) -> None:
    said = trials[trial]
    assert words in said
    assert len(said.splitlines()) == 1
    assert "CANARY" not in said
