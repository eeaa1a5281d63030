"""The Hugging Face pipeline as a baseline: its settings, its padding, and texts longer than the model."""

from __future__ import annotations

from pathlib import Path

from bench.systems.base import Setting
from bench.systems.baseline_files import Model
from bench.systems.hf_pipeline import BATCHES, FEW_BATCHES, open_torch, pipeline_specs


def _model(checkpoint: Path, *, thorough: bool = True, bf16: bool = True) -> Model:
    return Model(checkpoint, checkpoint / "work", ("O",), 64, threads=2, thorough=thorough, bf16=bf16)


def test_it_is_tried_at_many_batches_and_with_one_thread(tmp_path: Path) -> None:
    specs = pipeline_specs(_model(tmp_path))
    assert {spec.cut for spec in specs} == {"pipeline"}
    assert [setting.batch for setting in specs[0].settings] == [*BATCHES, 1, 16]
    assert {setting.threads for setting in specs[0].settings} == {1, 2}
    few = pipeline_specs(_model(tmp_path, thorough=False, bf16=False))
    assert [setting.batch for setting in few[0].settings] == list(FEW_BATCHES)
    assert [spec.name for spec in few] == ["pipeline-fp32", "optimum-fp32", "optimum-int8"]


def test_the_end_of_a_text_longer_than_the_model_is_read_too(tiny_model: Path) -> None:
    pipe = open_torch(Setting(2, 1, 1), checkpoint=tiny_model, dtype="float32")
    text = " ".join(["Oslo"] * 200)
    (found,) = pipe.spans(pipe.tag([text]))
    assert all(text[start:end] for _, start, end in found)
    # The model has 64 tokens; without windows, nothing after them would be tagged.
    assert not found or max(end for _, _, end in found) > len(text) / 2
    pipe.close()


def test_padding_is_that_of_texts_in_the_order_given(tiny_model: Path) -> None:
    pipe = open_torch(Setting(2, 1, 1), checkpoint=tiny_model, dtype="float32")
    alike, unlike = pipe.split(["Oslo", "Oslo"]), pipe.split(["Oslo", "Oslo Oslo Oslo Oslo"])
    assert alike.filled == alike.slots
    assert unlike.filled < unlike.slots
    pipe.close()
