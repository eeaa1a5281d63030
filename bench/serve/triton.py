"""The Triton set-up: nvidia-pytriton's tritonserver, python backend, dynamic batching, onnxruntime."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sysconfig
from pathlib import Path

import bench.serve.triton_model
from bench.serve.servers import Server, free_port, spans_of_tokens
from runtime.bundle.store import TOKENIZER, Bundle

_CONFIG = """\
name: "ner"
backend: "python"
max_batch_size: 32
input [ { name: "text" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "entities" data_type: TYPE_STRING dims: [ 1 ] } ]
dynamic_batching { max_queue_delay_microseconds: 2000 }
instance_group [ { kind: KIND_CPU count: 1 } ]
"""


def triton_server(bundle: Bundle, work: Path, *, threads: int, python: Path | None) -> Server:
    """The set-up on a bundle's padded fp32 graph.

    Args:
        bundle: whose graph.
        work: folder for the model repository.
        threads: of onnxruntime.
        python: environment of models, with onnxruntime, tokenizers and NumPy 1.26; none: Triton is left out.
    """
    found = importlib.util.find_spec("pytriton")
    missing = "" if found and found.origin else "nvidia-pytriton is not installed"
    missing = missing or ("" if python and (python / "bin").is_dir() else "give --triton-python FOLDER")
    home = Path(found.origin).parent / "tritonserver" if found and found.origin else Path()
    if not missing:
        _write_repository(bundle, work / "repository", threads)
        _write_backends(home, work / "backends")

    def command(port: int) -> list[str]:
        more = {"http": port, "grpc": free_port(), "metrics": free_port()}
        addresses = [f"--{name}-{part}" for name, to in more.items() for part in (f"port={to}", "address=127.0.0.1")]
        return [
            str(home / "bin" / "tritonserver"),
            f"--model-repository={work / 'repository'}",
            f"--backend-directory={work / 'backends'}",
            "--disable-auto-complete-config",
            *addresses,
        ]

    return Server(
        name="triton-python-onnxruntime",
        command=command,
        path="/v2/models/ner/infer",
        body=lambda text: {
            "inputs": [{"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": [text]}],
            "outputs": [{"name": "entities", "parameters": {"binary_data": False}}],
        },
        spans=lambda raw: spans_of_tokens(json.loads(json.loads(raw)["outputs"][0]["data"][0])),
        environment={} if missing else _environment(home, python or Path()),
        missing=missing,
    )


def _write_repository(bundle: Bundle, repository: Path, threads: int) -> None:
    version = repository / "ner" / "1"
    version.mkdir(parents=True, exist_ok=True)
    (repository / "ner" / "config.pbtxt").write_text(_CONFIG, encoding="utf-8")
    shutil.copy2(bench.serve.triton_model.__file__, version / "model.py")
    manifest = bundle.manifest
    graph = next(graph for graph in manifest.graphs if graph.layout == "padded" and graph.precision == "fp32")
    settings = {
        "labels": manifest.labels,
        "max_length": manifest.max_length,
        "tokenizer": str(bundle.file(TOKENIZER).resolve()),
        "graph": str(bundle.file(graph.file).resolve()),
        "threads": threads,
    }
    (version / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def _write_backends(home: Path, folder: Path) -> None:
    """The wheel's backends, and among them the stub for this Python."""
    shutil.copytree(home / "backends", folder, dirs_exist_ok=True)
    stubs = home / "python_backend_stubs" / sysconfig.get_python_version()
    shutil.copy2(stubs / "triton_python_backend_stub", folder / "python")


def _environment(home: Path, python: Path) -> dict[str, str]:
    """What the stub needs: the models' Python first, its library, and the wheel's own libraries."""
    libraries = [str(sysconfig.get_config_var("LIBDIR")), str(home.parent.parent / "nvidia_pytriton.libs")]
    return {"PATH": f"{python / 'bin'}:{os.environ['PATH']}", "LD_LIBRARY_PATH": ":".join(libraries)}
