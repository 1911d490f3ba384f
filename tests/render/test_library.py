"""The shell library of all steps, templates/step/lib.sh, run by bash."""

from __future__ import annotations

import os
import stat
import time
from hashlib import sha256
from pathlib import Path

import pytest

from ops.ssh.commands import redact
from tests.render.support.library import ME, Library, put


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def test_put_file_makes_folder_owner_and_mode(library: Library) -> None:
    file = library.folder / "new/folder/file"
    assert library.run(put(file, "one", mode="0600")).returncode == 0
    assert (file.read_text(), file.stat().st_mode & 0o7777) == ("one\n", 0o600)
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_put_file_gives_the_file_to_its_owner(library: Library) -> None:
    file = library.folder / "file"
    library.run(put(file, "one"))
    before = file.stat()
    assert library.run(put(file, "one", owner="daemon:nogroup")).returncode == 0
    assert (file.owner(), file.group()) == ("daemon", "nogroup")
    assert file.stat().st_ino != before.st_ino


def test_put_file_leaves_an_unchanged_file_alone(library: Library) -> None:
    file = library.folder / "file"
    library.run(put(file, "one"))
    before = file.stat()
    assert library.run(put(file, "one")).returncode == 0
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


@pytest.mark.parametrize("change", [{"content": "two"}, {"mode": "0644"}])
def test_put_file_replaces_in_one_move(library: Library, change: dict[str, str]) -> None:
    """A process that has the old file open still reads the old content; no process sees half of the new one."""
    file = library.folder / "file"
    library.run(put(file, "one"))
    with file.open() as opened:
        assert library.run(put(file, **{"content": "one", **change})).returncode == 0
        assert opened.read() == "one\n"
        assert os.fstat(opened.fileno()).st_nlink == 0
    assert file.read_text() == f"{change.get('content', 'one')}\n"
    assert file.stat().st_mode & 0o7777 == int(change.get("mode", "0640"), 8)


def test_put_file_that_fails_ends_the_step_and_keeps_the_old_file(library: Library) -> None:
    file = library.folder / "file"
    library.run(put(file, "one"))
    done = library.run(put(file, "two", owner="no-such-user:nor-group") + "echo went on")
    assert done.returncode != 0
    assert done.stdout == ""
    assert file.read_text() == "one\n"


def test_put_file_leaves_no_content_in_another_file(library: Library) -> None:
    """Neither after a failure, nor from a step that was killed before its end."""
    folder = library.folder / "folder"
    (folder / "file").mkdir(parents=True)
    (folder / ".congress-ha.file.abc123").write_text("a secret\n")
    (folder / ".congress-ha.other.abc123").touch()
    done = library.run(put(folder / "file", "a secret") + "echo went on")
    assert done.returncode != 0
    assert done.stdout == ""
    assert "cannot overwrite directory" in done.stderr
    assert {file.name for file in folder.iterdir()} == {"file", ".congress-ha.other.abc123"}


def test_wait_until_continues_as_soon_as_it_is_true(library: Library) -> None:
    flag = library.folder / "flag"
    start = time.monotonic()
    done = library.run(f"(sleep 0.7; touch {flag}) &\nwait_until 30 test -e {flag} && echo there")
    assert done.stdout == "there\n"
    assert time.monotonic() - start < 15


def test_wait_until_is_false_at_the_deadline(library: Library) -> None:
    start = time.monotonic()
    done = library.run("wait_until 2 false || die 'not within 2 s'")
    assert (done.returncode, done.stderr) == (1, "not within 2 s\n")
    assert 1 <= time.monotonic() - start < 15


def test_wait_until_tries_at_least_once(library: Library) -> None:
    assert library.run("wait_until 0 true && echo asked").stdout == "asked\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rabbit://congress:secret@10.0.0.1:5672", "rabbit://***@10.0.0.1:5672"),
        ("mysql+pymysql://u:p@h/db?x=1 and http://a:b@c/", "mysql+pymysql://***@h/db?x=1 and http://***@c/"),
        ("http://user:p@ss@host/", "http://***@host/"),
        ("https://pypi.example/simple user@host", "https://pypi.example/simple user@host"),
    ],
)
def test_redact_removes_logins(library: Library, text: str, shown: str) -> None:
    assert library.run(f"redact <<'END'\n{text}\nEND").stdout == f"{shown}\n"
    # ops/ does the same with the errors of commands that do not use this library.
    assert redact(text) == shown


def test_redact_removes_every_login_of_a_list_of_hosts(library: Library) -> None:
    done = library.run("redact <<< 'down: rabbit://user:one@first:5672,user:two@second:5672/vhost'")
    assert done.stdout.startswith("down: rabbit://***@")
    assert not {"one", "two"} & set(done.stdout.replace("@", ":").split(":"))


def test_last_lines_shows_no_login(library: Library) -> None:
    library.fake("journalctl", "echo 'cannot reach rabbit://congress:secret@10.0.0.1:5672'")
    done = library.run('die "it does not start: $(last_lines congress)"')
    assert done.stderr == "it does not start: cannot reach rabbit://***@10.0.0.1:5672\n"
    assert library.calls == ["journalctl --no-pager -q -o cat -n 15 -u congress"]


INSTALLED = "[[ ${!#} != curl ]] || echo -n installed; [[ ${!#} != broken ]] || echo -n half-configured"


def test_install_packages_requests_only_missing_packages(library: Library) -> None:
    library.fake("dpkg-query", INSTALLED)
    library.fake("dpkg")
    library.fake("apt-get")
    assert library.run("install_packages curl haproxy broken").returncode == 0
    dpkg, update, install = [call for call in library.calls if not call.startswith("dpkg-query")]
    assert dpkg == "dpkg --configure -a"
    assert update.startswith("apt-get update ")
    assert install.split()[:2] == ["apt-get", "install"]
    assert "--no-install-recommends" in install.split()
    assert install.split()[-2:] == ["haproxy", "broken"]


def test_install_packages_requests_nothing_when_all_are_installed(library: Library) -> None:
    library.fake("dpkg-query", INSTALLED)
    assert library.run("install_packages curl curl && echo done").stdout == "done\n"
    assert {call.split()[0] for call in library.calls} == {"dpkg-query"}


@pytest.mark.parametrize("status", [0, 100])
def test_packages_start_nothing_while_they_are_installed(library: Library, status: int) -> None:
    library.fake("dpkg-query", "exit 1")
    library.fake("dpkg")
    asked = f"[ $1 = update ] || {{ {library.policy}; echo $? > {library.folder}/answer; exit {status}; }}"
    library.fake("apt-get", asked)
    library.policy.write_text("")  # of somebody else: it stays as it is
    library.run("install_packages haproxy")
    assert library.policy.read_text() == ""
    library.policy.unlink()
    assert (library.run("install_packages haproxy").returncode == 0) == (status == 0)
    assert (library.folder / "answer").read_text() == "101\n"
    assert not library.policy.exists()


def test_install_packages_says_once_what_apt_complains_about(library: Library) -> None:
    library.fake("dpkg-query", "exit 1")
    library.fake("dpkg", "exit 1")
    output = (
        "Reading package lists...",
        "Err:1 http://u:p@mirror.example bookworm 503",
        "E: Unable to fetch",
    )
    script = "; ".join(f"echo '{line}'" for line in output)
    library.fake("apt-get", f"{script}; exit 100")
    done = library.run("install_packages haproxy\necho went on")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "apt could not install haproxy: Err:1 http://***@mirror.example bookworm 503\nE: Unable to fetch\n"
    )


def test_install_packages_waits_while_another_program_fetches_lists(library: Library) -> None:
    library.fake("dpkg-query", "exit 1")
    library.fake("dpkg")
    library.fake("sleep", f"touch {library.folder}/free")
    busy = "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)"
    library.fake("apt-get", f"[ -e {library.folder}/free ] || {{ echo '{busy}' >&2; exit 100; }}")
    assert library.run("install_packages haproxy").returncode == 0
    assert [call.split()[1] for call in library.calls if call.startswith("apt-get")] == [
        "update",
        "update",
        "install",
    ]


def test_a_line_is_added_once_to_an_existing_file(library: Library) -> None:
    file = library.folder / "hosts"
    file.write_text("10.0.0.1 other\n")
    body = f"put_line {file} '10.0.0.2 own'\nkeep_record"
    for _ in range(2):
        assert library.run(body).returncode == 0
    assert file.read_text() == "10.0.0.1 other\n10.0.0.2 own\n"
    assert library.record == [["line", str(file), "10.0.0.2 own"]]


def test_files_of_a_step_are_recorded_with_their_final_path(library: Library) -> None:
    file, body = library.folder / "file", ""
    for content in ("one", "two"):
        body += put(library.folder / "file.new", content) + f"move_file {file}.new {file}\n"
    assert library.run(f"{body}keep_record").returncode == 0
    assert library.record is not None
    assert {path for _, path, *_ in library.record} == {str(file)}
    assert library.record[-1] == ["file", str(file), ME, "640", sha256(b"two\n").hexdigest()]
    assert stat.S_IMODE((library.state / "steps").stat().st_mode) == 0o700


def test_a_step_that_fails_leaves_no_record(library: Library) -> None:
    file = library.folder / "file"
    assert library.run(f"{put(file, 'one')}keep_record").returncode == 0
    assert library.run(f"{put(file, 'one')}false\nkeep_record").returncode == 1
    assert library.record is None
