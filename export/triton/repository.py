"""Writes a Triton model repository: the model `ner`, and the encoders that the bundle has graphs or engines for.

ner/                 python backend: text in, entities out; see export.triton.model
encoder_onnx/        onnxruntime backend: token ids in, logits out; the fastest certified graph for it
encoder_trt/         tensorrt backend: the same by the bundle's TensorRT engine
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export.triton.configuration import (
    WARMUP_FILE,
    Tensor,
    encoder_configuration,
    ner_configuration,
    preferred_sizes,
    string_data,
)
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import MANIFEST, Bundle, Candidate, Engine, open_bundle, sealed_files
from runtime.errors import BundleError, StorageError, storage_error
from runtime.selection import choose, of_profile
from runtime.system.files import check_replaceable, replace_folder

HERE = Path(__file__).parent
RUNTIME = HERE.parent.parent / "runtime"
PUBLIC_KEY = "public_key.pem"
_MODELS = ("ner", "encoder_onnx", "encoder_trt")
# Parts of the runtime that only other ways of running it need.
_LEFT_OUT = ("__pycache__", "serve", "tag", "integrations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the model `ner` runs.

    Attributes:
        wanted: its candidate; what is left open is chosen here and now, and written into the repository.
        threads: CPUs of one instance; 0 is all of them.
        instances: processes, each with a model of its own.
        allow_uncertified: serve a candidate without a passing certificate.
        profile: name of a profile of the bundle, which says candidate, goal and threads; empty: none.
        limited, public_key: see runtime.bundle.store.open_bundle; the model asks for the same when it is loaded.
    """

    wanted: Wanted
    threads: int = 0
    instances: int = 1
    allow_uncertified: bool = False
    profile: str = ""
    limited: bool = False
    public_key: Path | None = None


def write_repository(bundle: Path, output: Path, serving: Serving) -> list[str]:
    """Write the repository, whole or not at all; what was made at that place before is replaced.

    Args:
        bundle: the folder.
        output: the repository's.
        serving: see Serving.

    Returns:
        A line for each model, for people, and one for each that is left out, with the reason.

    Raises:
        BundleError, UncertifiedError, BackendError: see runtime.selection.choose.
        StorageError: something else is at that place, or there is no permission, or no space.
    """
    output = Path(os.path.realpath(output))
    _check_output(output, bundle)
    from export.staging import staging

    with staging(output) as folder:
        try:
            opened = _copied(bundle, folder / "ner" / "1", serving)
            said = [_write_ner(opened, folder / "ner", serving)]
            said += _write_onnx(opened, folder / "encoder_onnx")
            said += _write_engine(opened, folder / "encoder_trt")
            replace_folder(folder, output)
        except OSError as error:
            raise storage_error(error) from error
    return said


def _check_output(output: Path, bundle: Path) -> None:
    """Refuse a place that holds anything but such a repository, or that lies in the bundle.

    Raises:
        StorageError: so it is, or it is a mount point.
    """
    check_replaceable(output)
    fix = "remove it, or give another --output"
    if output == bundle or bundle in output.parents:
        raise StorageError(str(output), "it lies in the bundle", "give an --output beside it")
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not output.is_dir() or not (output / "ner" / "1" / "bundle" / MANIFEST).is_file():
        raise StorageError(str(output), "it exists and is no model repository", fix)
    if others := sorted(path.name for path in output.iterdir() if path.name not in _MODELS):
        problem = f"a model repository with models that are not ours ({', '.join(others[:3])})"
        raise StorageError(str(output), problem, "give another --output, and copy the models")


def _copied(bundle: Path, version: Path, serving: Serving) -> Bundle:
    """The bundle's own files, in the repository, verified there: what is served is what was verified.

    Raises:
        BundleError, UsageError: see open_bundle.
    """
    copy = version / "bundle"
    copy.mkdir(parents=True)
    for name in sorted(sealed_files(bundle)):
        # A signature need not be there; open_bundle says whatever else is missing.
        if (bundle / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle / name, copy / name)
    if serving.public_key:
        shutil.copyfile(serving.public_key, version / PUBLIC_KEY)
    return open_bundle(copy, limited=serving.limited, public_key=serving.public_key)


def _write_ner(bundle: Bundle, folder: Path, serving: Serving) -> str:
    wanted = of_profile(bundle.profile(serving.profile), serving.wanted) if serving.profile else serving.wanted
    chosen = choose(bundle, wanted, certified=not serving.allow_uncertified)
    version = folder / "1"
    shutil.copytree(RUNTIME, version / "runtime", ignore=shutil.ignore_patterns(*_LEFT_OUT))
    shutil.copyfile(HERE / "model.py", version / "model.py")
    (folder / "warmup").mkdir()
    (folder / "warmup" / WARMUP_FILE).write_bytes(string_data(_warmup_text(bundle, chosen)))
    text = ner_configuration(
        device=chosen.device,
        instances=serving.instances,
        preferred=preferred_sizes(bundle.speed(chosen)),
        parameters={
            "backend": chosen.backend,
            "precision": chosen.precision,
            "device": chosen.device,
            "file": chosen.file,
            "threads": str(serving.threads),
            "profile": serving.profile,
            "allow_uncertified": "yes" if serving.allow_uncertified else "no",
            "limited_evidence": "yes" if serving.limited else "no",
            "public_key": PUBLIC_KEY if serving.public_key else "",
        },
    )
    (folder / "config.pbtxt").write_text(text, encoding="utf-8")
    return f"ner: {chosen}"


def _warmup_text(bundle: Bundle, chosen: Candidate) -> str:
    """The first short text of the candidate's certificate; empty where it has none."""
    probes = [each.probe.texts for each in bundle.manifest.certificates if each.candidate == chosen]
    return " ".join(probes[0][0]) if probes and probes[0] else ""


def _write_onnx(bundle: Bundle, folder: Path) -> Iterator[str]:
    """The fastest graph that ONNX Runtime runs by a passing certificate."""
    able = _vouched(bundle, "onnxruntime")
    if not able:
        yield "encoder_onnx: left out, no graph holds a passing certificate for onnxruntime"
        return
    chosen = max(able, key=bundle.speed)
    inputs, outputs, files = _graph(bundle, chosen.file)
    (folder / "1").mkdir(parents=True)
    for name in files:
        shutil.copyfile(bundle.file(name), folder / "1" / name)
    text = encoder_configuration(
        "encoder_onnx",
        backend="onnxruntime",
        file=chosen.file,
        inputs=inputs,
        outputs=outputs,
        batched=True,
        device=chosen.device,
    )
    (folder / "config.pbtxt").write_text(text, encoding="utf-8")
    yield f"encoder_onnx: {chosen}, {bundle.graph_in(chosen.file).layout} rows"


def _write_engine(bundle: Bundle, folder: Path) -> Iterator[str]:
    """The fastest TensorRT engine with a passing certificate."""
    able = _vouched(bundle, "tensorrt")
    if not able:
        yield "encoder_trt: left out, the bundle has no TensorRT engine with a passing certificate"
        return
    chosen = max(able, key=bundle.speed)
    engine = bundle.engine_in(chosen.file)
    inputs, outputs, _ = _graph(bundle, engine.graph)
    (folder / "1").mkdir(parents=True)
    shutil.copyfile(bundle.file(engine.file), folder / "1" / engine.file)
    text = encoder_configuration(
        "encoder_trt",
        backend="tensorrt",
        file=engine.file,
        inputs=_with_rows(engine, inputs),
        outputs=_with_rows(engine, outputs),
        batched=False,
        device="cuda",
        profiles=len(engine.profiles),
    )
    (folder / "config.pbtxt").write_text(text, encoding="utf-8")
    yield f"encoder_trt: {chosen}, for {engine.built_for}"


def _vouched(bundle: Bundle, backend: str) -> list[Candidate]:
    """The backend's candidates with a passing certificate that nothing speaks against."""
    certified = [one.candidate for one in bundle.manifest.certificates if one.passed]
    return [one for one in certified if one.backend == backend and one not in bundle.doubts]


def _graph(bundle: Bundle, file: str) -> tuple[list[Tensor], list[Tensor], list[str]]:
    """Inputs and outputs of an ONNX file without their rows, and the names of the file and of where its weights are."""
    import onnx

    model = onnx.load(str(bundle.file(file)), load_external_data=False)
    stored = {
        entry.value for each in model.graph.initializer for entry in each.external_data if entry.key == "location"
    }
    initial = {each.name for each in model.graph.initializer}
    inputs = [_tensor(each, file) for each in model.graph.input if each.name not in initial]
    return inputs, [_tensor(each, file) for each in model.graph.output], [file, *sorted(stored)]


def _tensor(value: object, file: str) -> Tensor:
    """An input or output; a size that has a name or none is any.

    Raises:
        BundleError: it is of a type that the configuration has no name for.
    """
    import onnx

    kind = value.type.tensor_type  # type: ignore[attr-defined]
    known = {
        onnx.TensorProto.INT64: "TYPE_INT64",
        onnx.TensorProto.INT32: "TYPE_INT32",
        onnx.TensorProto.FLOAT: "TYPE_FP32",
        onnx.TensorProto.FLOAT16: "TYPE_FP16",
    }
    if kind.elem_type not in known:
        raise BundleError(file, f"a tensor of type {kind.elem_type}", "export it again")
    sizes = [size.dim_value if size.HasField("dim_value") else -1 for size in kind.shape.dim]
    return Tensor(value.name, known[kind.elem_type], tuple(sizes[1:]))  # type: ignore[attr-defined]


def _with_rows(engine: Engine, tensors: list[Tensor]) -> list[Tensor]:
    """With rows and length as the engine's profiles have them; what they do not agree on is any."""
    rows, lengths = ({getattr(each, name) for each in engine.profiles} for name in ("rows", "length"))
    sizes = tuple(next(iter(each)) if len(each) == 1 else -1 for each in (rows, lengths))
    return [Tensor(each.name, each.type, (*sizes, *each.dims[1:])) for each in tensors]
