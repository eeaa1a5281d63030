"""The Hugging Face token-classification pipeline, on PyTorch and on Optimum's ONNX Runtime model.

aggregation_strategy is "first": of the pipeline's five it is the one that labels a word by its first token, as the
checkpoint was trained. Texts longer than the model are cut into overlapping windows (`stride`); without it the pipeline
leaves the rest of the text untagged.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from bench.systems.base import Setting, Span, Spec, Split
from bench.systems.baseline_files import Model, make_once, make_onnx

BATCHES, FEW_BATCHES = (1, 4, 16, 64), (1, 8)
# Windows share one in so many tokens of the longest row.
_STRIDE = 4


def pipeline_specs(model: Model) -> list[Spec]:
    """Return both pipelines in two precisions each; bf16 only on CPUs that have it: elsewhere it is very slow."""
    torch = {"needs": ("torch", "transformers"), "versions": ("torch", "transformers"), "files": model.weights}
    libraries = ("onnxruntime", "optimum", "optimum-onnx", "transformers")
    optimum = {"needs": ("optimum", "onnxruntime", "transformers", "torch", "onnx"), "versions": libraries}
    fp32, int8 = model.onnx, model.work / "onnx-int8"
    entries: list[tuple[str, str, str, Any, dict[str, Any]]] = [
        ("pipeline", "fp32", "Hugging Face pipeline, PyTorch", _torch(model, "float32"), torch),
        ("pipeline", "bf16", "Hugging Face pipeline, PyTorch bfloat16", _torch(model, "bfloat16"), torch),
        ("optimum", "fp32", "Optimum ORT pipeline", _optimum(model, fp32, "model.onnx"), _made(model, optimum, fp32)),
        (
            "optimum",
            "int8",
            "Optimum ORT pipeline, dynamic int8",
            _optimum(model, int8, INT8),
            _made(model, optimum, int8),
        ),
    ]
    return [
        Spec(name=f"{family}-{precision}", title=title, group="baseline", precision=precision, open=opener,
             settings=_settings(model), cut="pipeline", **rest)
        for family, precision, title, opener, rest in entries if precision != "bf16" or model.bf16
    ]  # fmt: skip


INT8 = "model_quantized.onnx"


class Pipeline:
    """A transformers pipeline.

    Args:
        pipe: the pipeline.
        batch: texts of one forward pass.
    """

    def __init__(self, pipe: Any, batch: int) -> None:
        self._pipe, self._batch = pipe, batch

    def tag(self, texts: Sequence[str]) -> Any:
        """See System."""
        return self._pipe(list(texts), batch_size=self._batch)

    def spans(self, answer: Any) -> list[list[Span]]:
        """See System."""
        return [[(one["entity_group"], int(one["start"]), int(one["end"])) for one in found] for found in answer]

    def split(self, texts: Sequence[str]) -> Split:
        """Count padding only. The pipeline batches texts in the order given, each batch as long as its longest text."""
        tokenizer = self._pipe.tokenizer
        limit = tokenizer.model_max_length
        # A long text counts as one full window; its other windows are left out here.
        lengths = [min(len(ids), limit) for ids in tokenizer(list(texts), verbose=False)["input_ids"]]
        groups = [lengths[first : first + self._batch] for first in range(0, len(lengths), self._batch)]
        return Split({}, sum(len(group) * max(group) for group in groups), sum(lengths))

    def close(self) -> None:
        """See System."""
        del self._pipe


def open_torch(
    setting: Setting, *, checkpoint: Path, dtype: Literal["float32", "bfloat16", "float16"], device: str = "cpu"
) -> Pipeline:
    """Open the pipeline on PyTorch."""
    import torch
    import transformers

    # PyTorch would take every core that it sees.
    torch.set_num_threads(setting.threads)
    network = transformers.AutoModelForTokenClassification.from_pretrained(
        checkpoint, local_files_only=True, trust_remote_code=False, **dtype_argument(getattr(torch, dtype))
    )
    return _pipeline(network, checkpoint, setting, device)


def dtype_argument(dtype: Any) -> dict[str, Any]:
    """Return a number type as an argument of from_pretrained; transformers 4.56 changed the parameter's name."""
    import transformers

    version = tuple(map(int, transformers.__version__.split(".")[:2]))
    return {"dtype" if version >= (4, 56) else "torch_dtype": dtype}


def open_optimum(setting: Setting, *, folder: Path, file: str) -> Pipeline:
    """Open the pipeline on Optimum's ONNX Runtime model."""
    import onnxruntime
    from optimum.onnxruntime import ORTModelForTokenClassification

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setting.threads
    network = ORTModelForTokenClassification.from_pretrained(
        folder,
        file_name=file,
        session_options=options,
        provider="CPUExecutionProvider",
        local_files_only=True,
        trust_remote_code=False,
    )
    return _pipeline(network, folder, setting)


def make_int8(*, checkpoint: Path, fp32: Path, folder: Path) -> None:
    """Optimum's dynamic int8 for this CPU, of its own export."""

    def fill(new: Path) -> None:
        from optimum.onnxruntime import ORTQuantizer
        from optimum.onnxruntime.configuration import AutoQuantizationConfig

        scheme = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=False)
        ORTQuantizer.from_pretrained(fp32, file_name="model.onnx").quantize(save_dir=new, quantization_config=scheme)
        for file in fp32.iterdir():
            if file.suffix == ".json" and not (new / file.name).exists():
                shutil.copyfile(file, new / file.name)

    make_onnx(checkpoint, fp32)
    make_once(folder, fill)


def _pipeline(network: Any, folder: Path, setting: Setting, device: str = "cpu") -> Pipeline:
    import transformers

    # Some tokenizers claim no limit at all; the model's own limit then counts.
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        folder, use_fast=True, local_files_only=True, trust_remote_code=False
    )
    longest = min(tokenizer.model_max_length, network.config.max_position_embeddings)
    tokenizer.model_max_length = longest
    pipe = transformers.pipeline(
        "token-classification",
        model=network,
        tokenizer=tokenizer,
        device=device,
        aggregation_strategy="first",
        stride=longest // _STRIDE,
    )
    return Pipeline(pipe, setting.batch)


def _torch(model: Model, dtype: Literal["float32", "bfloat16"]) -> Any:
    return functools.partial(open_torch, checkpoint=model.checkpoint, dtype=dtype)


def _optimum(model: Model, folder: Path, file: str) -> Any:
    return functools.partial(open_optimum, folder=folder, file=file)


def _made(model: Model, common: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the fields of a spec whose files must be made: how to make them, and which they are."""
    if folder == model.onnx:
        maker: Any = functools.partial(make_onnx, model.checkpoint, folder)
    else:
        maker = functools.partial(make_int8, checkpoint=model.checkpoint, fp32=model.onnx, folder=folder)
    return {**common, "prepare": maker, "files": (folder,)}


def _settings(model: Model) -> tuple[Setting, ...]:
    """Return batch sizes with all threads; some with one thread too, because small batches may not keep all busy."""
    batches = BATCHES if model.thorough else FEW_BATCHES
    settings = [Setting(batch, 1, model.threads) for batch in batches]
    if model.thorough and model.threads > 1:
        settings += [Setting(batch, 1, 1) for batch in (1, 16)]
    return tuple(settings)
