"""No step puts a secret on a command line, where every user of the host could read it in /proc.

The contexts' secrets all begin with CANARY. Bash creates no command line for assignments, here-documents,
here-strings and its builtin printf. So the test parses a script: it removes the bodies of here-documents (only
programs that are known to read them may have one with a secret), treats variables with a secret as the secret, and
removes HARMLESS parts of each line. A remaining secret is an error. The parser knows no other forms: an unknown
form with a secret is an error even if it is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from components.foundation.template import heredoc, render_step
from tests.render.support.cases import Case, Validator, cases
from tests.render.support.contexts.common import CANARY

HEREDOC = re.compile(r"<<'?(\w+)'?$")
# The readers of a here-document with a secret, which they read from standard input.
READERS = (r'put_file "[^"]+" \S+ \d+', r"mariadb", r"out=\$\((apply|try)", r'cat > "\$account"')
SECRET = rf"'?{CANARY}\S*?'?(?=[ )]|$)"
WORD = r"[\w./$:-]+"
HARMLESS = re.compile(
    # Not exported, because a child would pass it on to its own children.
    rf"^\w+={SECRET}$"
    # Taken out of what a program printed.
    rf"|^(\w+)=\$\{{\1//'{CANARY}-\w+'/\*\*\*\}}$"
    # Commands that read standard input.
    rf"|<<< {SECRET}"
    # Builtins of bash at the start of a command, or read by another one through a pipe or <(...).
    rf"|(?:^|(?<=\|\| )|(?<=if )|(?<=<\())printf '[^']*'(?: {WORD}| {SECRET})*(?= \||\))"
)


def commands(script: str) -> Iterator[tuple[str, str]]:
    """Each line that bash runs, with the body of its here-document; without comments."""
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
    """Lines that may show a secret to other users."""
    lines: list[str] = []
    names: set[str] = set()
    for written, body in commands(script):
        if CANARY in body and not any(re.match(rf"{reader} <<", written) for reader in READERS):
            lines.append(f"{written} (its here-document)")
        line = written
        for name in names:
            line = re.sub(rf'"?\$\{{?{name}\b\}}?"?', f"'{CANARY}-{name}'", line)
        if assigned := re.fullmatch(rf"(\w+)={SECRET}", line):
            names.add(assigned[1])
        # Both would turn standard input into arguments.
        made_argument = "xargs" in line or re.search(r"\$\([^)]*<<<|`[^`]*<<<", line)
        if CANARY in HARMLESS.sub("", line) or (CANARY in line and made_argument):
            lines.append(written)
    return lines


@pytest.mark.parametrize("case", cases(Validator.BASH), ids=str)
def test_no_command_line_shows_a_secret(case: Case) -> None:
    assert exposed(render_step(case.template, case.context)) == []


def test_the_contexts_hold_secrets() -> None:
    """Otherwise nothing would be searched: every step that gets a secret has it in its script."""
    secret = {c.template for c in cases(Validator.BASH) if CANARY in render_step(c.template, c.context)}
    assert secret == {
        "congress_host/configuration.sh.j2",
        "congress_host/external_service.sh.j2",
        "database/cluster.sh.j2",
        "database/mariadb.sh.j2",
        "database/member.sh.j2",
        "datasource_node/cluster.sh.j2",
        "fencing/fence_openstack.sh.j2",
        "fencing/openstack.sh.j2",
        "load_balancer/haproxy.sh.j2",
        "messaging/rabbitmq.sh.j2",
        "policies/apply.sh.j2",
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
        f'password={CANARY}1\nout=${{out//"$password"/***}}',
        f"put_file /etc/key congress:congress 0600 <<< '{CANARY}1'",
        f"base64 -d <<< {CANARY}1 | put_file $key.new root:root 0400",
    ],
)
def test_a_hidden_secret_is_accepted(line: str) -> None:
    assert exposed(f"set -euo pipefail\n{line}\n") == []


def test_only_files_for_congress_or_root_hold_secrets() -> None:
    """Modes of the files that put_file writes: a file with a secret is closed to others."""
    for one in cases(Validator.BASH):
        for command, body in commands(render_step(one.template, one.context)):
            if CANARY in body + command and (written := re.search(r"put_file \S+ \S+ (\d{4})", command)):
                assert int(written[1], 8) & 0o007 == 0, command
