"""What OpenVINO compiled is verified before it is used: a flipped bit costs a compilation, and no label."""

from __future__ import annotations

import os
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from runtime.backends.openvino_cache import worth_keeping
from runtime.backends.openvino_cpu import OpenVino
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import open_bundle
from runtime.errors import UncertifiedError
from runtime.tagger import Tagger

pytest.importorskip("openvino")

TEXTS = ["Maria Keller flew from Lisbon to Oslo", "Northwind Energy opened an office in Nairobi"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("NERVE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def answers(bundle: Path) -> bytes:
    """Logits to the last bit."""
    with Tagger.open(bundle, candidate=Wanted(backend="openvino", precision="fp32"), threads=1) as tagger:
        return tagger.word_logits([text.split() for text in TEXTS]).tobytes()


def test_a_second_start_takes_what_the_first_compiled(tiny_bundle: Path, cache: Path) -> None:
    first = answers(tiny_bundle)
    (kept,) = cache.rglob("*.compiled")
    written = kept.stat().st_ino
    assert answers(tiny_bundle) == first
    assert kept.stat().st_ino == written


def test_damaged_ones_change_nothing_and_are_made_anew(tiny_bundle: Path, cache: Path) -> None:
    first = answers(tiny_bundle)
    (kept,) = cache.rglob("*.compiled")
    intact, chance = kept.read_bytes(), random.Random(5)
    for _ in range(8):
        place = chance.choice([0, 63, chance.randrange(4096, len(intact)), len(intact) - 1])
        damaged = intact[:place] + bytes([intact[place] ^ 4]) + intact[place + 1 :]
        kept.write_bytes(damaged)
        assert answers(tiny_bundle) == first
        assert kept.read_bytes() != damaged
    for content in (b"", intact[:4096], intact[:-1], bytes(5000), b"\xff" * 5000):
        kept.write_bytes(content)
        assert answers(tiny_bundle) == first
    made_anew = kept.stat().st_ino
    assert answers(tiny_bundle) == first
    assert kept.stat().st_ino == made_anew


def test_what_was_compiled_for_something_else_is_compiled_anew(tiny_bundle: Path, cache: Path) -> None:
    """Under the name of another candidate or bundle, a whole file answers wrongly, and its digest holds."""
    first = answers(tiny_bundle)
    (kept,) = cache.rglob("*.compiled")
    with Tagger.open(tiny_bundle, candidate=Wanted(backend="openvino", precision="fp32"), threads=2):
        (other,) = {*cache.rglob("*.compiled")} - {kept}
    shutil.copyfile(other, kept)
    assert answers(tiny_bundle) == first
    assert kept.read_bytes() != other.read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_another_user_wrote_is_compiled_anew(tiny_bundle: Path, cache: Path) -> None:
    first = answers(tiny_bundle)
    (kept,) = cache.rglob("*.compiled")
    os.chown(kept, 12345, -1)
    assert answers(tiny_bundle) == first
    assert kept.stat().st_uid == os.geteuid()


def test_what_others_can_write_into_is_compiled_anew(tiny_bundle: Path, cache: Path) -> None:
    before = os.umask(0)
    try:
        first = answers(tiny_bundle)
    finally:
        os.umask(before)
    (kept,) = cache.rglob("*.compiled")
    assert kept.stat().st_mode & 0o077 == 0
    kept.chmod(0o660)
    assert answers(tiny_bundle) == first
    assert kept.stat().st_mode & 0o077 == 0


def test_what_cannot_be_looked_at_keeps_nothing_else_from_being_kept(tiny_bundle: Path, cache: Path) -> None:
    first = answers(tiny_bundle)
    (kept,) = cache.rglob("*.compiled")
    kept.unlink()
    kept.with_name("nowhere.compiled").symlink_to("nowhere")
    kept.with_name("folder.tmp").mkdir()
    os.utime(kept.with_name("folder.tmp"), (1, 1))
    assert answers(tiny_bundle) == first
    assert kept.is_file()


def test_a_bundle_has_so_many_files_and_no_halves_of_killed_processes(tiny_bundle: Path, cache: Path) -> None:
    first = answers(tiny_bundle)
    (kept,) = cache.rglob("*.compiled")
    old, young = kept.with_name("a.b.tmp"), kept.with_name("c.d.tmp")
    for half in (old, young):
        half.touch()
    os.utime(old, (1, 1))
    # One that was used longer ago than all others, of settings that nobody asks for any more.
    others = [kept.with_name(f"{number}.compiled") for number in range(15)]
    for number, other in enumerate(others):
        other.touch()
        os.utime(other, (time.time() - 100 + number,) * 2)
    kept.unlink()
    assert answers(tiny_bundle) == first
    assert {*kept.parent.glob("*.compiled")} == {kept, *others[-11:]}
    assert {*kept.parent.glob("*.tmp")} == {young}


def test_an_open_tagger_does_not_see_what_happens_to_the_cache(tiny_bundle: Path, cache: Path) -> None:
    first = answers(tiny_bundle)
    (kept,) = cache.rglob("*.compiled")
    words = [text.split() for text in TEXTS]
    with Tagger.open(tiny_bundle, candidate=Wanted(backend="openvino", precision="fp32"), threads=1) as tagger:
        with kept.open("r+b") as file:
            file.write(bytes(kept.stat().st_size))
        assert tagger.word_logits(words).tobytes() == first
        kept.write_bytes(b"")
        assert tagger.word_logits(words).tobytes() == first


def test_what_fails_its_self_check_is_not_kept(tiny_bundle: Path, cache: Path) -> None:
    """One that OpenVINO compiled wrongly: every later start would be refused until somebody deleted the cache."""
    held, openvino = open_bundle(tiny_bundle), Wanted(backend="openvino", precision="fp32")
    certificates = tuple(
        replace(one, probe=replace(one.probe, logits="00" * (len(one.probe.logits) // 2)))
        for one in held.manifest.certificates
    )
    other = replace(held, manifest=replace(held.manifest, certificates=certificates))
    with pytest.raises(UncertifiedError, match="answers otherwise than when it was certified"):
        Tagger.open(other, candidate=openvino, threads=1)
    assert not [*cache.rglob("*.compiled")]
    with Tagger.open(tiny_bundle, candidate=openvino, threads=1, allow_uncertified=True):
        assert not [*cache.rglob("*.compiled")]
    answers(tiny_bundle)
    assert len([*cache.rglob("*.compiled")]) == 1


def test_one_that_fails_its_self_check_is_removed(tiny_bundle: Path, cache: Path) -> None:
    """A whole file of wrong content, vouched for all the same: one start is refused, and not every one."""
    first = answers(tiny_bundle)
    (kept,) = cache.rglob("*.compiled")
    kept.unlink()
    graph = onnx.load(tiny_bundle / "packed-fp32.onnx")
    for tensor in graph.graph.initializer:
        if tensor.name == "classifier.bias":
            bias = onnx.numpy_helper.to_array(tensor).copy()
            bias[0] += 3
            tensor.CopyFrom(onnx.numpy_helper.from_array(bias, tensor.name))
    wrong = cache.parent / "packed-fp32.onnx"
    onnx.save(graph, wrong)
    OpenVino(wrong, precision="fp32", layout="packed", streams=1, threads=1, vocabulary=100, positions=64,
             cache=str(kept.parent)).keep()  # fmt: skip
    assert kept.is_file()
    with pytest.raises(UncertifiedError, match="answers otherwise than when it was certified"):
        answers(tiny_bundle)
    assert not kept.exists()
    assert answers(tiny_bundle) == first
    assert kept.is_file()


def test_large_graphs_are_kept_in_int8_alone() -> None:
    assert worth_keeping("bf16", graph_bytes=560_000_000)  # bert-base's shape
    assert not worth_keeping("bf16", graph_bytes=1_740_000_000)  # bert-large's
    assert not worth_keeping("fp32", graph_bytes=1_740_000_000)
    assert worth_keeping("int8", graph_bytes=1_740_000_000)
