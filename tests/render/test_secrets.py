"""No step puts a secret on a command line, where every user of the host could read it in /proc.

The contexts' secrets all begin with CANARY. What bash does itself makes no command line: assignments,
here-documents, here-strings and its builtin printf. So a script is taken apart: bodies of here-documents are
taken out (only programs known to read them may have one with a secret), variables that hold a secret count as
the secret, and what is HARMLESS is taken out of each line. A secret that is left is an error. No more of bash
is known than that: a form that it does not know is an error, also where no harm is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from components.foundation.template import heredoc, render_step
from tests.render.support.cases import Case, Validator, cases
from tests.render.support.contexts import CANARY

HEREDOC = re.compile(r"<<'?(\w+)'?$")
# Who reads a here-document with a secret in it, and from where: its standard input.
READERS = (r'put_file "[^"]+" \S+ \d+', r"mariadb")
SECRET = rf"'?{CANARY}\S*?'?(?=[ )]|$)"
WORD = r"[\w./$:-]+"
HARMLESS = re.compile(
    # Not exported: a child would hand it on to its own children.
    rf"^\w+={SECRET}$"
    # To the standard input of a command.
    rf"|<<< {SECRET}"
    # bash's own where a command begins, and read by another through a pipe or <(...).
    rf"|(?:^|(?<=\|\| )|(?<=if )|(?<=<\())printf '[^']*'(?: {WORD}| {SECRET})*(?= \||\))"
)


def commands(script: str) -> Iterator[tuple[str, str]]:
    """Each line that bash runs, with the body of the here-document behind it; comments left out."""
    lines = iter(script.replace("\\\n", " ").splitlines())
    for line in lines:
        if line.lstrip().startswith("#"):
            assert CANARY not in line, f"a secret in a comment: {line}"
            continue
        body: list[str] = []
        if marker := HEREDOC.search(line):
            for inside in lines:
                if inside == marker[1]:
                    break
                body.append(inside)
        yield " ".join(line.split()), "\n".join(body)


def exposed(script: str) -> list[str]:
    """Lines that may show a secret to others."""
    found: list[str] = []
    names: set[str] = set()
    for written, body in commands(script):
        if CANARY in body and not any(re.match(rf"{reader} <<", written) for reader in READERS):
            found.append(f"{written} (its here-document)")
        line = written
        for name in names:
            line = re.sub(rf'"?\$\{{?{name}\b\}}?"?', f"'{CANARY}-{name}'", line)
        if assigned := re.fullmatch(rf"(\w+)={SECRET}", line):
            names.add(assigned[1])
        # Both would make arguments of what stands on standard input.
        made_argument = "xargs" in line or re.search(r"\$\([^)]*<<<|`[^`]*<<<", line)
        if CANARY in HARMLESS.sub("", line) or (CANARY in line and made_argument):
            found.append(written)
    return found


@pytest.mark.parametrize("case", cases(Validator.BASH), ids=str)
def test_no_command_line_shows_a_secret(case: Case) -> None:
    assert exposed(render_step(case.template, case.context)) == []


def test_the_contexts_hold_secrets() -> None:
    """Else nothing would be looked for: every step that gets a secret has it in its script."""
    secret = {c.template for c in cases(Validator.BASH) if CANARY in render_step(c.template, c.context)}
    assert secret == {
        "congress_host/configuration.sh.j2",
        "database/mariadb.sh.j2",
        "datasource_node/cluster.sh.j2",
        "fencing/fence_openstack.sh.j2",
        "fencing/openstack.sh.j2",
        "load_balancer/haproxy.sh.j2",
        "messaging/rabbitmq.sh.j2",
    }


@pytest.mark.parametrize(
    "line",
    [
        f"rabbitmqctl add_user congress {CANARY}1",
        f"rabbitmqctl add_user congress '{CANARY}1'",
        f"mariadb --password={CANARY}1 <<< 'SELECT 1'",
        f"PASSWORD={CANARY}1 mariadb",
        f"export PASSWORD={CANARY}1",
        f"/usr/bin/printf '%s' {CANARY}1 | cat",
        f"sudo printf '%s' {CANARY}1 | cat",
        f"echo {CANARY}1",
        f"printf '%s' {CANARY}1 | xargs rabbitmqctl add_user {CANARY}1",
        f"cat <<< {CANARY}1 | rabbitmqctl add_user {CANARY}1",
        f'rabbitmqctl add_user congress "$(cat <<< {CANARY}1)"',
        f"rabbitmqctl add_user congress $(printf '%s' {CANARY}1)",
        f"printf '%s' {CANARY}1 | xargs rabbitmqctl add_user congress",
        f"true || sudo printf '%s' {CANARY}1 | cat || printf '%s' {CANARY}1 | cat",
        f'password={CANARY}1\nrabbitmqctl add_user congress "$password"',
        f"password={CANARY}1\nrabbitmqctl add_user congress ${{password}}x",
        f'password={CANARY}1\ndie "refused: $password"',
        f"tee /etc/file <<'END'\n{CANARY}1\nEND",
        f"a=$(openssl -k {CANARY}1)",
    ],
)
def test_an_exposed_secret_is_found(line: str) -> None:
    assert exposed(f"set -euo pipefail\n{line}\ntrue\n")


@pytest.mark.parametrize(
    "line",
    [
        heredoc(f"password = {CANARY}1\n", "/etc/file", "root:root", "0600"),
        f"password={CANARY}1\nprintf '%s\\n' \"$password\" | rabbitmqctl -q add_user congress",
        f"put_file /etc/key congress:congress 0600 <<< '{CANARY}1'",
        f"base64 -d <<< {CANARY}1 | put_file $key.new root:root 0400",
    ],
)
def test_a_hidden_secret_is_let_pass(line: str) -> None:
    assert exposed(f"set -euo pipefail\n{line}\n") == []


def test_only_files_for_congress_or_root_hold_secrets() -> None:
    """Modes of what put_file writes: a secret's file is closed to others."""
    for one in cases(Validator.BASH):
        for command, body in commands(render_step(one.template, one.context)):
            if CANARY in body + command and (written := re.search(r"put_file \S+ \S+ (\d{4})", command)):
                assert int(written[1], 8) & 0o007 == 0, command
