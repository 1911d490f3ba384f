"""When the shell library restarts a unit: always, unless it runs with its present files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.render.support.library import Library, put


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


SYSTEMCTL = """case $1 in
  is-active) [ -e {folder}/active ] ;;
  *restart) [ ! -e {folder}/breaks ] || exit 1; touch {folder}/active ;;
esac"""


@pytest.fixture
def unit(library: Library) -> Library:
    """A host on which `congress.service` runs with the present file."""
    library.fake("systemctl", SYSTEMCTL.format(folder=library.folder))
    library.fake("journalctl", "echo 'it says why'")
    assert library.run(step(library, "one")).returncode == 0
    assert restarts(library) == ["systemctl restart congress"]
    library.forget_calls()
    return library


def step(library: Library, content: str) -> str:
    file = library.folder / "file"
    return f"{put(file, content)}\nbring_up_to_date restart congress {file}"


def restarts(library: Library) -> list[str]:
    return [call for call in library.calls if call.startswith("systemctl") and "restart" in call]


def test_unit_that_runs_with_its_files_is_left_alone(unit: Library) -> None:
    assert unit.run(step(unit, "one")).returncode == 0
    assert restarts(unit) == []


def test_unit_is_restarted_when_a_file_changed(unit: Library) -> None:
    assert unit.run(step(unit, "two")).returncode == 0
    assert restarts(unit) == ["systemctl restart congress"]


def test_unit_is_restarted_when_it_does_not_run(unit: Library) -> None:
    (unit.folder / "active").unlink()
    assert unit.run(step(unit, "one")).returncode == 0
    assert restarts(unit) == ["systemctl restart congress"]


def test_unit_is_restarted_after_a_cut_off_behind_put_file(unit: Library) -> None:
    """The first run ends between the new file and the restart; the second one finds the file in place."""
    unit.run(put(unit.folder / "file", "two"))
    assert unit.run(step(unit, "two")).returncode == 0
    assert restarts(unit) == ["systemctl restart congress"]


def test_unit_is_restarted_again_after_a_restart_that_failed(unit: Library) -> None:
    (unit.folder / "breaks").touch()
    done = unit.run(step(unit, "two"))
    assert (done.returncode, done.stderr) == (1, "congress does not start: it says why\n")
    (unit.folder / "breaks").unlink()
    unit.forget_calls()
    assert unit.run(step(unit, "two")).returncode == 0
    assert restarts(unit) == ["systemctl restart congress"]


def test_step_ends_when_a_file_of_its_unit_is_missing(unit: Library) -> None:
    done = unit.run(f"bring_up_to_date restart congress {unit.folder}/gone\necho went on")
    assert done.returncode != 0
    assert done.stdout == ""
    assert "gone" in done.stderr
    assert restarts(unit) == []


def test_unit_is_enabled_also_if_somebody_masked_it(unit: Library) -> None:
    assert unit.run(step(unit, "one")).returncode == 0
    assert [call for call in unit.calls if "enable" in call or "mask" in call] == [
        "systemctl unmask -q congress",
        "systemctl enable -q congress",
    ]


@pytest.mark.parametrize("broken", ["echo edited >> {}", "chmod 0600 {}", "rm {}"])
def test_unit_that_was_restarted_with_an_edited_file_is_restarted_again(unit: Library, broken: str) -> None:
    """The note has the right sum, from before the file was edited."""
    file = unit.folder / "file"
    unit.run(broken.format(file))
    assert unit.run(step(unit, "one")).returncode == 0
    assert restarts(unit) == ["systemctl restart congress"]
    assert file.read_text() == "one\n"


def test_unit_is_restarted_after_a_cut_off_behind_a_file_that_was_put_back(unit: Library) -> None:
    """The note is removed first. Otherwise the next step would find both the file and the note right."""
    unit.fake("mv", '/bin/mv "$@"; kill -KILL $PPID')
    (unit.folder / "file").write_text("edited\n")
    assert unit.run(step(unit, "one")).returncode != 0
    assert (unit.folder / "file").read_text() == "one\n"
    (unit.folder / "bin/mv").unlink()
    assert unit.run(step(unit, "one")).returncode == 0
    assert restarts(unit) == ["systemctl restart congress"]


def test_a_file_that_is_read_at_another_path_is_the_same_file(library: Library) -> None:
    """Like /opt/congress, a link to the installed virtual environment."""
    library.fake("systemctl", SYSTEMCTL.format(folder=library.folder))
    (library.folder / "real").mkdir()
    (library.folder / "link").symlink_to("real")
    body = put(library.folder / "real/file", "one") + (
        f"bring_up_to_date restart congress {library.folder}/link/file"
    )
    for _ in range(2):
        library.forget_calls()
        (library.folder / "real/file").write_text("edited\n")
        assert library.run(body).returncode == 0
        assert restarts(library) == ["systemctl restart congress"]


def test_a_link_that_was_put_back_is_as_good_as_a_changed_file(library: Library) -> None:
    """Somebody may have restarted the service while /opt/congress led to another virtual environment."""
    library.fake("systemctl", SYSTEMCTL.format(folder=library.folder))
    real, link = library.folder / "real", library.folder / "link"
    body = f"{put(real / 'file', 'one')}put_link {link} {real}\nbring_up_to_date restart congress {link}/file"
    counts = []
    for before in ("true", "true", f"ln -sfn /elsewhere {link}", f"rm {link}"):
        library.forget_calls()
        assert library.run(f"{before}\n{body}").returncode == 0
        counts.append(len(restarts(library)))
    assert counts == [1, 0, 1, 1]


def test_a_note_of_another_file_is_kept(unit: Library) -> None:
    other = unit.folder / "file2"
    other.write_text("edited\n")
    assert unit.run(put(other, "one")).returncode == 0
    assert unit.run(step(unit, "one")).returncode == 0
    assert restarts(unit) == []


def since(library: Library) -> str:
    """The output of the agent's step: since when the files are as they are."""
    file = library.folder / "file"
    done = library.run(
        put(file, "one")
        + f'runs_with node {file} || {{ date +%s.%N > "$STATE/node.since"; note node; }}\ncat "$STATE/node.since"'
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_that_was_put_back_is_as_good_as_a_changed_one(library: Library) -> None:
    first = since(library)
    assert since(library) == first
    (library.folder / "file").write_text("edited\n")
    second = since(library)
    assert second != first
    assert since(library) == second
