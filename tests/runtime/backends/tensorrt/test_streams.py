"""The runner of TensorRT engines, on a fake GPU: what is copied where and when, and one line for what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.tensorrt.engine import TensorRt, cover, packing_of
from runtime.backends.tensorrt.streams import Tensor, Tensors
from runtime.batch.batches import Batch, SpecialTokens
from runtime.batch.ragged import starts_from_counts
from runtime.batch.windows import windows_of
from runtime.bundle.manifest import Profile
from runtime.errors import BackendError, BugError, BundleError
from runtime.logits import token_logits
from runtime.system.gpu import Gpu
from tests.fakes.cuda import FakeCuda
from tests.fakes.tensorrt import FakeTrt, plan_of

_LABELS = 5
_PROFILES = (Profile(8, 64), Profile(2, 64), Profile(1, 64), Profile(4, 128), Profile(1, 128))
H100 = Gpu("NVIDIA H100 80GB HBM3", "9.0", "580.95.05", 80 << 30, 132)
L4 = Gpu("NVIDIA L4", "8.9", "580.95.05", 24 << 30, 58)


def answer(given: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
    """Logits that depend on all three inputs, and are wrong wherever a slot that holds nothing is taken for a token."""
    ids, positions, segments = (given[name] for name in ("input_ids", "position_ids", "segment_ids"))
    assert np.all((ids == 0) | (segments >= 0))
    chosen = (ids + 3 * positions + 7 * segments) % _LABELS
    return np.where(chosen[..., None] == np.arange(_LABELS), np.float32(5), np.float32(0))


def batch(rows: int, length: int, seed: int = 0) -> Batch:
    """A batch in which every token slot holds a token."""
    chance = np.random.default_rng(seed)
    ids, segments, positions = (chance.integers(0, most, (rows, length)) for most in (100, 4, 64))
    return Batch(ids, segments, positions)


def expected(given: Batch) -> NDArray[np.float32]:
    return answer(given.named(("input_ids", "position_ids", "segment_ids")))


def plan(tmp_path: Path, content: bytes = b"") -> Path:
    path = tmp_path / "packed-fp16.plan"
    path.write_bytes(content or plan_of([(each.rows, each.length) for each in _PROFILES]))
    return path


def opened(path: Path, cuda: FakeCuda, *, streams: int = 2, fails: str = "") -> TensorRt:
    library = FakeTrt(cuda, answer, fails=fails)
    return TensorRt(path, layout="packed", streams=streams, vocabulary=100, positions=64, library=library, cuda=cuda)


@pytest.mark.parametrize("shape", [(8, 64), (1, 64), (3, 64), (1, 50), (4, 128), (2, 100), (7, 64), (20, 64)])
def test_batches_of_any_shape_that_a_profile_holds_are_answered(tmp_path: Path, shape: tuple[int, int]) -> None:
    backend = opened(plan(tmp_path), FakeCuda())
    for seed in range(3):
        given = batch(*shape, seed)
        assert np.array_equal(backend.logits(given), expected(given))


def test_fp16_logits_are_given_as_fp32(tmp_path: Path) -> None:
    backend = opened(plan(tmp_path, plan_of([(1, 64)], kind="HALF")), FakeCuda())
    found = backend.logits(batch(1, 64))
    assert found.dtype == np.float32
    assert np.array_equal(found, expected(batch(1, 64)))


def test_what_a_batch_leaves_of_a_profile_holds_nothing_even_after_a_full_one(tmp_path: Path) -> None:
    seen: list[Mapping[str, NDArray[np.int64]]] = []
    cuda = FakeCuda()

    def compute(given: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        seen.append(given)
        return answer(given)

    backend = TensorRt(
        plan(tmp_path, plan_of([(8, 64)])),
        layout="packed",
        streams=1,
        vocabulary=100,
        positions=64,
        library=FakeTrt(cuda, compute),
        cuda=cuda,
    )
    backend.logits(batch(8, 64))
    backend.logits(batch(5, 40))
    assert np.all(seen[-1]["segment_ids"][5:] == -1)
    assert np.all(seen[-1]["segment_ids"][:, 40:] == -1)
    for name in ("input_ids", "position_ids"):
        assert not seen[-1][name][5:].any()
        assert not seen[-1][name][:, 40:].any()


def test_a_profile_is_run_once_and_recorded_then_it_is_one_launch(tmp_path: Path) -> None:
    cuda = FakeCuda()
    backend = opened(plan(tmp_path), cuda, streams=1)
    backend.logits(batch(8, 64))
    once = ["copy in", "run 8x64", "copy out"]
    assert cuda.log == ["profile", *once, "launch", *once]
    cuda.log.clear()
    backend.logits(batch(8, 64, 1))
    assert cuda.log == ["launch", *once]
    assert len(cuda.graphs) == 1


def test_every_profile_has_its_own_context_and_all_share_the_memory_of_their_lane(tmp_path: Path) -> None:
    cuda = FakeCuda()
    library = FakeTrt(cuda, answer)
    backend = TensorRt(
        plan(tmp_path), layout="packed", streams=1, vocabulary=100, positions=64, library=library, cuda=cuda
    )
    for rows, length in ((8, 64), (1, 64), (4, 128), (8, 64)):
        backend.logits(batch(rows, length))
    assert sorted(context.profile for context in library.contexts) == [0, 2, 3]
    assert len({context.memory for context in library.contexts}) == 1
    assert len({context.addresses["input_ids"] for context in library.contexts}) == 1
    # What a stream holds: its tensors for the largest profile, and memory for the engine's own use.
    assert len(cuda.device) == 2


def test_tensors_lie_behind_one_another_and_aligned() -> None:
    inputs = tuple(Tensor(name, np.int64, 1) for name in ("a", "b"))
    tensors = Tensors(inputs, Tensor("logits", np.float32, 7))
    assert tensors.offsets(Profile(1, 64)) == [0, 512, 1024, 1024 + 4 * 7 * 64]
    assert tensors.offsets(Profile(1, 33)) == [0, 512, 1024, 1024 + 1024]


def test_streams_answer_many_threads_at_once(tmp_path: Path) -> None:
    cuda = FakeCuda()
    backend = opened(plan(tmp_path), cuda)
    wrong: list[int] = []

    def ask(seed: int) -> None:
        for step in range(20):
            given = batch(1 + (seed + step) % 8, 64, seed * 100 + step)
            if not np.array_equal(backend.logits(given), expected(given)):
                wrong.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(cuda.streams) == 2
    backend.close()
    assert cuda.is_clean


def test_packed_texts_go_through_it(tmp_path: Path) -> None:
    backend = opened(plan(tmp_path), FakeCuda())
    assert (backend.packing.shortest, backend.packing.slots, backend.packing.lengths) == (64, 512, (64, 128))
    chance = np.random.default_rng(0)
    starts = starts_from_counts(chance.integers(1, 60, 300))
    ids = chance.integers(0, 100, int(starts[-1]))
    windows = windows_of(starts, capacity=62, stride=0)
    found = token_logits(backend, ids, windows, SpecialTokens((0,), (0,)), labels=_LABELS)
    assert found.shape == (len(ids), _LABELS)
    assert np.all(found.sum(axis=1) == 5)


@pytest.mark.parametrize(
    ("rows", "runs"),
    [(1, [1]), (2, [8]), (8, [8]), (9, [8, 1]), (16, [8, 8]), (32, [32]), (33, [32, 1]), (64, [32, 32])],
)
def test_a_batch_is_covered_by_few_runs_and_little_waste(rows: int, runs: list[int]) -> None:
    profiles = tuple(Profile(size, 64) for size in (128, 32, 8, 1))
    assert [profiles[index].rows for index in cover(profiles, rows, 64)] == runs


def test_any_number_of_rows_is_covered() -> None:
    profiles = tuple(Profile(size, 64) for size in (128, 32, 8, 1))
    for rows in range(1, 300):
        assert sum(profiles[index].rows for index in cover(profiles, rows, 60)) >= rows


def test_rows_longer_than_every_profile_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"no profile holds a batch of 1 x 256 \(it has 8 x 64, .*make export"):
        opened(plan(tmp_path), FakeCuda()).logits(batch(1, 256))


def test_ids_beyond_the_tables_never_reach_the_gpu(tmp_path: Path) -> None:
    given = batch(1, 64)
    given.input_ids[0, 0] = 100
    with pytest.raises(BugError, match="a batch has ids from"):
        opened(plan(tmp_path), FakeCuda()).logits(given)


def test_a_truncated_plan_is_one_line(tmp_path: Path) -> None:
    whole = plan(tmp_path).read_bytes()
    cuda = FakeCuda()
    with pytest.raises(
        BackendError, match=r"plan: TensorRT cannot read it \(.*the plan is truncated\); run make export"
    ):
        opened(plan(tmp_path, whole[:40]), cuda)
    assert cuda.is_clean


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (plan_of([(1, 64)], inputs=("pixels",)), "it takes pixels and gives logits"),
        (plan_of([(1, 64)], outputs=("logits", "more")), "gives logits, more"),
        (plan_of([(1, 64)], labels=-1), "the number of its labels is not fixed"),
        (plan_of([(1, 64)], kind="BOOL"), "its tensors hold BOOL"),
    ],
)
def test_an_engine_that_is_no_token_classifier_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    with pytest.raises(BundleError, match=found):
        opened(plan(tmp_path, content), FakeCuda())


@pytest.mark.parametrize("memory", [0, 4096, 10_000, 30_000])
def test_out_of_memory_gives_back_what_was_taken(tmp_path: Path, memory: int) -> None:
    cuda = FakeCuda(memory=memory)
    with pytest.raises(BackendError, match=r"out of memory, \d+ MiB were asked for; end other programs"):
        opened(plan(tmp_path), cuda)
    assert cuda.is_clean


@pytest.mark.parametrize(
    ("fails", "found"),
    [
        ("context", r"refused a batch of 8 x 64 \(no memory for a context\)"),
        ("infer", r"refused a batch of 8 x 64 \(it does not say why\)"),
        ("address", r"refused a batch of 8 x 64 \(it does not say why\)"),
        ("execute", r"refused a batch of 8 x 64 \(an illegal memory access was encountered\)"),
        ("capture", r"refused a batch of 8 x 64 \(an illegal memory access was encountered\)"),
    ],
)
def test_what_tensorrt_refuses_is_one_line_and_leaves_nothing_behind(tmp_path: Path, fails: str, found: str) -> None:
    cuda = FakeCuda()
    backend = opened(plan(tmp_path), cuda, streams=1, fails=fails)
    with pytest.raises(BackendError, match=found):
        backend.logits(batch(8, 64))
    cuda.streams = {stream: [] for stream in cuda.streams}  # the copy before the refused run
    backend.close()
    assert cuda.is_clean


def test_lengths_and_slots_follow_from_the_profiles() -> None:
    packing = packing_of((Profile(16, 512), Profile(1, 512), Profile(128, 64), Profile(1, 64)))
    assert (packing.shortest, packing.slots, packing.lengths) == (64, 8192, (64, 512))
