"""The step of the policies, with a stand-in for the program that it starts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from components.foundation.template import render
from tests.render.support.contexts.policies import POLICIES
from tests.render.support.library import ME, Library
from tests.support.programs import run


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def step(library: Library, does: str) -> subprocess.CompletedProcess[str]:
    library.fake("runuser", does)
    folder = library.folder
    places = {"library": folder / "library", "record": folder / "policies.json"}
    text = render("policies/apply.sh.j2", {**POLICIES, **places})
    return library.run(text.replace("root:root", ME).replace("root:congress", ME))


def test_the_request_arrives_as_it_is_and_the_record_follows(library: Library) -> None:
    done = step(library, f"cat > {library.folder}/request; echo done")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\nattempt 7\n", "")
    assert (library.folder / "request").read_text() == f"{POLICIES['request']}\n"
    assert json.loads((library.folder / "policies.json").read_text()) == json.loads(
        str(POLICIES["record_text"])
    )
    [call] = library.calls
    assert call.startswith("runuser -u congress -- env ")


def test_a_refusal_is_one_line_and_leaves_the_former_record(library: Library) -> None:
    record = library.folder / "policies.json"
    record.write_text("former")
    done = step(library, "cat > /dev/null; echo a warning >&2; echo the reason >&2; exit 1")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "policies: the reason\n")
    assert record.read_text() == "former"


def test_the_modules_on_the_host_are_complete(library: Library, tmp_path: Path) -> None:
    step(library, "true")
    code = "import policy_code.on_host, policy_code.plan; print(policy_code.plan.__file__)"
    done = run(
        sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'library')!r}); {code}"
    )
    assert done.stdout == f"{tmp_path}/library/policy_code/plan.py\n", done.stderr
