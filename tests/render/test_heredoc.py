"""`put` and `put_file` together: any content arrives in a file, through bash, byte for byte."""

from __future__ import annotations

import shlex
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from components.foundation.template import digest, heredoc, render_step
from tests.render.support.cases import case
from tests.render.support.library import ME, Library
from tests.support.programs import run

# Possible characters of a text file: no surrogates, and no NUL, at which bash ends a word.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SHELL = st.lists(
    st.sampled_from(
        [
            "$HOME",
            "${x}",
            "$(id)",
            "`id`",
            "\\",
            "\\\n",
            "'",
            '"',
            "\n",
            "END",
            "EOF",
            "END_",
            "\t",
            " ",
            "<<'END'",
            "!",
            "\r",
            "é",
        ]
    )
).map("".join)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXT | SHELL)
@example("END_" + digest("x\n") + "\nx")
@example("\x01\x7f\x01\x01\n")
@example("")
@example("\n\n")
def test_any_content_arrives_byte_for_byte(tmp_path: Path, content: str) -> None:
    file = tmp_path / "file"
    done = Library(tmp_path).run(heredoc(content, str(file), ME, "0640"))
    assert done.returncode == 0, done.stderr
    wanted = content if content.endswith("\n") else f"{content}\n"
    assert file.read_bytes() == wanted.encode()


@settings(max_examples=40)
@given(TEXT | SHELL)
def test_the_filter_sh_keeps_any_value_one_word(value: str) -> None:
    """Through a real template: the key of configuration.sh.j2, which a here-string passes to put_file."""
    context = {**case("congress_host/configuration.sh.j2").context, "encryption_key": value}
    text = render_step("congress_host/configuration.sh.j2", context)
    (line,) = [part for part in text.split("\nput_file ") if part.startswith("/etc/congress/keys/aes_key")]
    word = line.split(" <<< ", 1)[1].removesuffix("\nkeep_record\n# end of step\n")
    assert run("bash", "-c", f"printf %s {word}").stdout == value
    assert shlex.split(word) == [value]
