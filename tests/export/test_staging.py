"""A bundle is made beside its place, by one process at a time, and takes the place of nothing but a bundle."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from export.staging import check_output, exclusive, staging, unchanged
from runtime.bundle.store import open_bundle
from runtime.errors import StorageError
from runtime.system.files import replace_folder
from tests.lookup import lookup_bundle
from tests.waiting import PATIENCE


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A whole bundle."""
    return lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})


def test_a_bundle_an_empty_folder_and_nothing_can_be_replaced(bundle: Path, tmp_path: Path) -> None:
    check_output(bundle)
    check_output(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / "empty")


@pytest.mark.parametrize(
    "manifest",
    [
        json.dumps({"name": "My App", "icons": [], "start_url": "/"}),
        json.dumps({"schema": 1, "files": {}}),
        json.dumps({"schema": 2, "files": {"index.html": {}}, "digest": "0"}),
        "[]",
        "",
    ],
)
def test_a_folder_with_somebody_elses_manifest_is_not_touched(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "manifest.json").write_text(manifest)
    with pytest.raises(StorageError, match="it exists and is not a bundle"):
        check_output(tmp_path / "app")


@pytest.mark.parametrize("name", ["thesis.txt", "folder/notes.md", ".hidden"])
def test_a_file_that_somebody_put_into_a_bundle_is_not_removed_with_it(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("years of work")
    with pytest.raises(StorageError, match=rf"files that are not its own \({name}\)"):
        check_output(bundle)


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(StorageError, match="not a bundle"):
        check_output(tmp_path / "file")


def test_the_root_folder_is_no_bundle() -> None:
    with pytest.raises(StorageError, match="/: the root of all folders is no bundle"), exclusive(Path("/")):
        raise AssertionError("what is in it would be a bundle")


def hold_until(bundle: Path, begun: object, end: object) -> None:
    """Another process that exports."""
    with exclusive(bundle):
        begun.set()  # type: ignore[attr-defined]
        end.wait(PATIENCE)  # type: ignore[attr-defined]


def test_one_process_at_a_time_whatever_its_number(bundle: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    begun, end = context.Event(), context.Event()
    other = context.Process(target=hold_until, args=(bundle, begun, end))
    other.start()
    assert begun.wait(PATIENCE)
    (tmp_path / "link").symlink_to(bundle)
    for name in (bundle, tmp_path / "link", bundle / ".." / "bundle"):
        with pytest.raises(StorageError, match="another process exports, certifies or tunes it"), exclusive(name):
            raise AssertionError("two at once")
    end.set()
    other.join()
    with exclusive(tmp_path / "link") as place:
        assert place == bundle
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "link"]


def test_a_killed_one_locks_nobody_out(bundle: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    begun, end = context.Event(), context.Event()
    other = context.Process(target=hold_until, args=(bundle, begun, end))
    other.start()
    assert begun.wait(PATIENCE)
    other.kill()
    other.join()
    (tmp_path / ".bundle.staging-1").mkdir()
    with exclusive(bundle) as place, staging(place) as folder:
        assert [path.name for path in tmp_path.iterdir() if "staging" in path.name] == [folder.name]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def test_a_link_stays_and_what_it_leads_to_is_replaced(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link").symlink_to(bundle)
    new = lookup_bundle(tmp_path / "new", {"Rome": "B-LOC"})
    replace_folder(new, tmp_path / "elsewhere" / "link")
    assert (tmp_path / "elsewhere" / "link").is_symlink()
    assert not new.exists()
    open_bundle(bundle)


def test_a_bundle_that_was_set_aside_is_put_back_first(bundle: Path, tmp_path: Path) -> None:
    before = open_bundle(bundle).manifest
    # Killed between two renames, where folders cannot be exchanged.
    bundle.rename(tmp_path / ".bundle.staging-77.old")
    (tmp_path / ".bundle.staging-77").mkdir()
    with exclusive(bundle) as place:
        assert open_bundle(place).manifest == before
        with staging(place):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


@pytest.mark.parametrize(
    "name", [".bundle.staging-notes", ".bundle.staging-", ".bundle.staging-7.older", ".bundle.staging-1 2"]
)
def test_a_folder_that_somebody_named_alike_is_neither_put_back_nor_removed(tmp_path: Path, name: str) -> None:
    theirs, aside = tmp_path / name, tmp_path / ".bundle.staging-mine.old"
    for folder in (theirs, aside):
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work")
    with exclusive(tmp_path / "bundle", new=True) as place, staging(place):
        assert not place.exists()
    assert all((folder / "thesis.txt").read_text() == "years of work" for folder in (theirs, aside))


def test_a_lock_that_is_none_is_neither_waited_for_nor_removed(bundle: Path, tmp_path: Path) -> None:
    lock = tmp_path / ".bundle.lock"

    def refused() -> None:
        with pytest.raises(StorageError, match="it is there and is no lock of Nerve's"), exclusive(bundle):
            raise AssertionError("it would be removed at the end")

    lock.write_text("yarn's")
    refused()
    assert lock.read_text() == "yarn's"
    lock.unlink()
    (tmp_path / "file").touch()
    lock.symlink_to(tmp_path / "file")
    refused()
    lock.unlink()
    os.mkfifo(lock)
    refused()
    lock.unlink()
    lock.touch()  # left by a process that was killed
    with exclusive(bundle):
        pass
    assert not lock.exists()


def test_the_working_directory_is_a_place_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with exclusive(Path(), new=True) as place:
        assert place == Path(os.path.realpath(tmp_path / "here"))
        check_output(place)
    with pytest.raises(StorageError), exclusive(tmp_path / "no" / "such" / "folder"):
        pass


def test_halves_that_killed_processes_left_are_removed_and_nothing_else(bundle: Path) -> None:
    halves = [f".{name}.123.tmp" for name in ("manifest.json", "manifest.sig", "report.html", "report.json")]
    others = [".manifest.json.x.tmp", ".notes.123.tmp", "manifest.json.123.tmp"]
    for name in (*halves, *others):
        (bundle / name).write_text("half")
    with exclusive(bundle):
        assert not any((bundle / name).exists() for name in halves)
    assert all((bundle / name).exists() for name in others)
    with pytest.raises(StorageError, match=r"files that are not its own"):
        check_output(bundle)


def test_who_comes_second_waits_for_nobody_and_is_told(bundle: Path, tmp_path: Path) -> None:
    lock = tmp_path / ".bundle.lock"
    with exclusive(bundle) as place:
        assert (place, lock.exists()) == (bundle, True)
        with pytest.raises(StorageError) as caught, exclusive(bundle):
            raise AssertionError("two at once")
        told = "another process exports, certifies or tunes it; wait for that one, or choose another folder"
        assert str(caught.value) == f"{bundle}: {told}"
        # Another bundle beside it is another matter.
        with exclusive(tmp_path / "other"):
            pass
    assert not lock.exists()
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(KeyError), exclusive(bundle):
        raise KeyError
    assert not lock.exists()
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_folders_that_a_new_bundle_lies_in_are_made_and_an_old_ones_are_not(tmp_path: Path) -> None:
    new = tmp_path / "a" / "b" / "bundle"
    with pytest.raises(StorageError, match="No such file"), exclusive(new):
        raise AssertionError("there is no such folder")
    assert not new.parent.exists()
    for _ in range(2):
        with exclusive(new, new=True) as place:
            assert (place, place.parent.is_dir(), place.exists()) == (new, True, False)


def test_a_bundle_that_was_set_aside_replaces_none(bundle: Path, tmp_path: Path) -> None:
    aside = lookup_bundle(tmp_path / ".bundle.staging-7.old", {"Rome": "B-LOC"})
    lookup_bundle(tmp_path / ".other.staging-8.old", {"Rome": "B-LOC"})
    before = open_bundle(bundle).manifest
    with exclusive(bundle), exclusive(tmp_path / "third"):
        assert open_bundle(bundle).manifest == before
        assert (aside.exists(), (tmp_path / "third").exists()) == (True, False)


def test_a_place_to_make_a_bundle_in_is_empty_its_own_and_gone_afterwards(tmp_path: Path) -> None:
    output = tmp_path / "a" / "b" / "bundle"
    left, others = output.with_name(".bundle.staging-1"), output.with_name(".bundle2.staging-1")
    for folder in (left, others):
        folder.mkdir(parents=True)
        (folder / "half.onnx").write_text("half")
    with staging(output) as place:
        assert (place.parent, place.name) == (output.parent, f".bundle.staging-{os.getpid()}")
        assert (list(place.iterdir()), left.exists(), others.exists()) == ([], False, True)
        (place / "graph.onnx").write_text("graph")
    assert not place.exists()
    with pytest.raises(KeyError), staging(output) as place:
        raise KeyError
    assert not place.exists()
    with staging(tmp_path / "c" / "d" / "bundle") as place:
        place.rename(tmp_path / "moved")
    assert (tmp_path / "moved").is_dir()
    (tmp_path / "file").write_text("text")
    with pytest.raises(StorageError, match="File exists"), staging(tmp_path / "file" / "bundle"):
        raise AssertionError("there is no such place")


def test_what_is_refused_says_what_to_do(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises(StorageError) as file:
        check_output(tmp_path / "file")
    assert str(file.value) == f"{tmp_path / 'file'}: it exists and is not a bundle; remove it, or give another --output"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("text")
    with pytest.raises(StorageError) as other:
        check_output(tmp_path / "other")
    assert other.value.problem.startswith("it exists and is not a bundle (there is no manifest.json")
    assert other.value.fix == "remove it, or give another --output"
    for name in "dcba":
        (bundle / name).symlink_to(tmp_path)
    with pytest.raises(StorageError) as foreign:
        check_output(bundle)
    problem, fix = "a bundle with files that are not its own (a, b, c)", "move them elsewhere, or give another --output"
    assert (foreign.value.problem, foreign.value.fix) == (problem, fix)
    for name in "dcba":
        (bundle / name).unlink()
    (bundle / "folder").mkdir()
    check_output(bundle)


def test_a_lock_that_somebody_removed_is_no_error(bundle: Path, tmp_path: Path) -> None:
    with exclusive(bundle):
        (tmp_path / ".bundle.lock").unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle"]


def test_a_lock_can_be_opened_by_whoever_may_write_there_and_is_no_program(bundle: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with exclusive(bundle):
            assert stat.S_IMODE((tmp_path / ".bundle.lock").stat().st_mode) == 0o666
    finally:
        os.umask(before)


def test_who_reads_a_bundle_locks_it_too_and_follows_links(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(bundle)
    with unchanged(tmp_path / "link") as place:
        assert place == bundle
        with pytest.raises(StorageError, match="another process"), exclusive(bundle):
            raise AssertionError("it changes while it is read")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "link"]
