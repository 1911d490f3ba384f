"""A full disk: one clear error, no existing content is lost, and the step succeeds when there is space."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.render.support.library import ME, Library, put
from tests.support.programs import private, run

WORD = "is full: make room there"


def on_small_disk(library: Library, body: str, after: str = "true") -> subprocess.CompletedProcess[str]:
    """Run a step whose state is on a disk of 64 KiB, which `fill` fills; then `after`, which may run it again."""
    state = library.state
    state.mkdir(exist_ok=True)
    script = library.script(body)
    functions = (
        f'fill() {{ [ -n "${{ROOM:-}}" ] || head -c 1M /dev/zero > {state}/fill 2> /dev/null || true; }};'
        "export -f fill;"
        f"mount -t tmpfs -o size=64k tmpfs {state};"
    )
    step = f"export PATH={library.folder}/bin:$PATH; step() {{ bash {script}; }}; step; code=$?"
    return run(*private(["bash", "-c", f"{functions} {step}; {after}; exit $code"], {}))


def test_a_file_keeps_its_content_and_nothing_of_the_new_one_stays(tmp_path: Path) -> None:
    """Regression: a half-written file stayed beside the target, and may contain a secret."""
    library = Library(tmp_path)
    file = library.state / "file"
    content = "new\n" * 5000
    done = on_small_disk(
        library,
        f"[ -e {file} ] || put_file {file} {ME} 0640 <<< old\nfill\n{put(file, content)}",
        f"cat {file}; ls -A {library.state}; rm {library.state}/fill;"
        f" ROOM=1 step; cmp {file} - <<< '{content}' && echo same",
    )
    assert done.returncode == 1
    old, *remaining, same = done.stdout.splitlines()
    assert (old, {*remaining}, same) == ("old", {"file", "fill", "steps"}, "same")
    errors = done.stderr.splitlines()
    assert "No space left on device" in errors[0]
    assert (WORD in errors[-1], len(errors)) == (True, 2)


def test_a_step_that_fails_on_a_full_disk_says_so(tmp_path: Path) -> None:
    """Apt's log is on the same disk, so its errors are lost. Regression: it fetched its lists again, endlessly."""
    library = Library(tmp_path)
    library.fake("dpkg-query", "exit 1")
    library.fake("dpkg")
    library.fake("apt-get", "fill; echo 'E: Write error - write (28: No space left on device)'; exit 100")
    done = on_small_disk(library, "install_packages haproxy")
    assert done.returncode == 1
    error, word = done.stderr.splitlines()[-2:]
    assert error.startswith("apt could not install haproxy")
    assert word.startswith(f"the disk {library.state} of ")
    assert WORD in word


@pytest.mark.parametrize("code", [0, 1])
def test_with_room_nothing_is_said_of_disks(tmp_path: Path, code: int) -> None:
    done = on_small_disk(Library(tmp_path), f"exit {code}")
    assert (done.returncode, done.stderr) == (code, "")


def test_software_of_earlier_pins_goes_when_nothing_runs_from_it(tmp_path: Path) -> None:
    library, opt = Library(tmp_path), tmp_path / "opt"
    new, old, older, pins = (
        opt / f"congress-{name}" for name in ("0123456789ab", "ba9876543210", "aaaaaaaaaaaa", "pins")
    )
    for folder in (new, old, older, pins):
        folder.mkdir(parents=True)
        (folder / "module.so").write_bytes(b"x" * 4096)
    (opt / "congress").symlink_to(new)
    maps = f"import mmap; f = open('{old}/module.so', 'rb'); m = mmap.mmap(f.fileno(), 0, access=1); print(flush=True);"
    with subprocess.Popen(
        ["python3", "-c", f"{maps} input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runs:
        assert runs.stdout is not None
        runs.stdout.readline()
        assert library.run(f"remove_unused_software {opt}").returncode == 0
        assert {folder.name for folder in opt.iterdir()} == {"congress", new.name, old.name, pins.name}
        runs.communicate("\n")
    assert library.run(f"remove_unused_software {opt}").returncode == 0
    assert {folder.name for folder in opt.iterdir()} == {"congress", new.name, pins.name}
    assert (opt / "congress/module.so").exists()
