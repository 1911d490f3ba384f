"""The dump before a migration: the step, and the program that it installs on the database's host."""

from __future__ import annotations

import gzip
import re
import shlex
from pathlib import Path

import pytest

from components.foundation.template import ROOT
from tests.render.support.cases import case
from tests.render.support.library import Library
from tests.support.programs import private, program, run

PROGRAMS = [ROOT / f"files/database/congress-{name}" for name in ("lock", "load", "dump")]
PROGRAM = PROGRAMS[-1]
OPTIONS = "--single-transaction --databases congress --add-drop-database"


class Host:
    """A database's host whose database `congress` has `tables` tables, with dumps in `backups`."""

    def __init__(self, folder: Path) -> None:
        self.library, self.backups = Library(folder), folder / "backups"
        self.backups.mkdir()
        self.tables(7)
        self.library.fake("mariadb-dump", "echo 'SQL'")

    def tables(self, count: int, holder: str = "42") -> None:
        """`holder`: session that holds the lock during the dump; session 42 took it."""
        answers = f"case $* in *IS_USED_LOCK*) echo {holder} ;; *TABLES*) echo {count} ;;"
        self.library.fake("mariadb", f"{answers} *) while read -r _; do printf '1\\t42\\n'; done ;; esac")

    def dump(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and errors of congress-dump."""
        argv: list[str | Path] = ["env", f"PATH={self.library.folder}/bin:/usr/bin:/bin", PROGRAM, *words]
        done = run(*private(argv, {"/var/backups": self.backups}))
        return done.returncode, done.stdout, done.stderr

    @property
    def dumps(self) -> list[Path]:
        return sorted((self.backups / "congress").glob("*"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_shellcheck_finds_nothing() -> None:
    assert run(program("shellcheck"), "--norc", "--severity=style", *PROGRAMS).stdout == ""


def test_a_dump_without_a_kind_goes_to_standard_output(host: Host) -> None:
    assert host.dump() == (0, "SQL\n", "")
    assert [call for call in host.library.calls if "dump" in call] == [f"mariadb-dump {OPTIONS}"]
    assert host.dumps == []


def test_a_dump_is_readable_only_by_root_and_its_name_is_printed(host: Host) -> None:
    code, printed, errors = host.dump("before-migration")
    assert (code, errors) == (0, "")
    (file,) = host.dumps
    assert printed == f"/var/backups/congress/{file.name}\n"
    assert re.fullmatch(r"before-migration-\d{8}T\d{6}Z\.sql\.gz", file.name)
    assert gzip.decompress(file.read_bytes()) == b"SQL\n"
    assert file.stat().st_mode & 0o7777 == 0o600
    assert file.parent.stat().st_mode & 0o7777 == 0o700


def test_five_of_a_kind_are_kept(host: Host) -> None:
    folder = host.backups / "congress"
    folder.mkdir()
    old = [folder / f"before-migration-2020010{day}T000000Z.sql.gz" for day in range(1, 8)]
    other = folder / "before-restore-20190101T000000Z.sql.gz"
    for file in (*old, other):
        file.touch()
    host.dump("before-migration")
    made = host.dumps[-2]
    assert host.dumps == [*old[3:], made, other]
    assert made.read_bytes()


def test_without_tables_there_is_nothing_to_dump(host: Host) -> None:
    host.tables(0)
    assert host.dump("before-migration") == (0, "", "")
    assert host.dumps == []


def test_leftovers_of_interrupted_dumps_are_removed(host: Host) -> None:
    folder = host.backups / "congress"
    folder.mkdir()
    (folder / "before-restore-20261125T000000Z.sql.gz.part").touch()
    host.dump("before-migration")
    assert [file.suffix for file in host.dumps] == [".gz"]


def test_a_partly_restored_database_is_not_dumped(host: Host) -> None:
    """Regression: a dump between the DROP and the last CREATE of a load looked valid."""
    (host.backups / "congress").mkdir()
    (host.backups / "congress/restoring").write_text("before-restore-20261125T000000Z.sql.gz\n")
    for words in ((), ("before-migration",)):
        code, printed, errors = host.dump(*words)
        assert (code, printed) == (1, "")
        assert "a restore was cut off" in errors
        assert "make restore DUMP=before-restore-20261125T000000Z.sql.gz" in errors


def test_no_dump_remains_after_its_lock_is_lost(host: Host) -> None:
    host.tables(7, holder="NULL")
    code, printed, errors = host.dump("before-migration")
    assert (code, printed) == (1, "")
    assert errors == "the lock on the database was lost, so the dump may be incomplete: try again\n"
    assert host.dumps == []


@pytest.mark.parametrize("broken", ["mariadb", "mariadb-dump"])
def test_a_dump_that_fails_leaves_no_file_and_the_older_ones(host: Host, broken: str) -> None:
    host.dump("before-migration")
    before = host.dumps
    host.library.fake(broken, "echo half; echo 'Lost connection' >&2; exit 2")
    code, printed, errors = host.dump("before-migration")
    assert (code != 0, printed, errors) == (True, "", "Lost connection\n")
    assert host.dumps == before


def test_a_full_disk_is_named_and_the_next_dump_finds_room(host: Host) -> None:
    host.library.fake("mariadb-dump", "head -c 1M /dev/urandom")
    folder, older = "/var/backups/congress", "before-migration-20200101T000000Z.sql.gz"
    script = f"""mount -t tmpfs -o size=256k tmpfs /var/backups; mkdir {folder}; echo old > {folder}/{older}
{PROGRAM} before-migration || echo "code $?"
ls {folder}; mount -o remount,size=4M /var/backups; {PROGRAM} before-migration; cat {folder}/{older}
ls {folder} | wc -l"""
    path = f"PATH={host.library.folder}/bin:/usr/bin:/bin"
    done = run(*private(["env", path, "bash", "-c", script], {"/var/backups": host.backups}))
    code, present, made, old, count = done.stdout.splitlines()
    assert (code, present, old, count) == ("code 1", older, "old", "2")
    assert made.startswith(f"{folder}/before-migration-")
    assert done.stderr.splitlines()[-1].startswith(f"the disk of {folder} on ")
    assert done.stderr.endswith("is full: make room there\n")


def step(host: Host) -> str:
    """The step's own text with its program's path in the test's folder."""
    return case("database/dump.sh.j2").text.replace("/usr/local/sbin", f"{host.library.folder}/bin")


def test_the_step_installs_the_program_and_asks_for_a_dump(host: Host) -> None:
    text = step(host).replace("root:root", "$(id -un):$(id -gn)")
    host.library.fake("congress-dump", "exit 9")
    compared = "\n".join(f"cmp {host.library.folder}/bin/{program.name} {program}" for program in PROGRAMS)
    compare = f"\n{compared}\nout=$(true"
    marked = text.replace("\nout=$(congress-dump", compare)
    assert host.library.run(marked).returncode == 0


def test_the_step_ends_with_the_reason_when_the_dump_fails(host: Host) -> None:
    host.library.fake("congress-dump", "echo 'Lost connection' >&2; exit 2")
    call = step(host).rpartition("\nout=")[2]
    done = host.library.run(f"out={call}")
    assert (done.returncode, done.stderr) == (
        1,
        "the database could not be dumped before its schema is migrated: Lost connection\n",
    )
    assert host.library.calls == ["congress-dump before-migration"]


@pytest.mark.parametrize(
    ("output", "way_out"),
    [
        (
            "  FAILED: Can't locate revision identified by 'f00d'",
            "belongs to a newer Congress than this one: load the dump",
        ),
        (
            "OperationalError: mysql+pymysql://u:p@db/x",
            "could not be migrated: OperationalError: mysql+pymysql://***@db/x",
        ),
    ],
)
def test_a_failed_migration_names_the_reason_and_the_way_back(host: Host, output: str, way_out: str) -> None:
    host.library.fake("runuser", f"echo {shlex.quote(output)}; exit 255")
    done = host.library.run(case("database/schema.sh.j2").text)
    assert done.returncode == 1
    assert done.stderr.startswith("the database's schema ")
    assert way_out in done.stderr
    assert len(done.stderr.splitlines()) == 1
