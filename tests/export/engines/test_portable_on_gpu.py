"""On a GPU, with TensorRT for RTX: a portable engine of the tiny model runs, and answers as its graph does."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from bench.gpu.engines.graphs import engine_graphs
from export.engines.api import open_portable_building
from export.engines.build_progress import Phases
from export.engines.portable import CAPABILITIES, portable_from_graph
from export.torch_model import load_model
from runtime.backends.tensorrt.api import PortablePlan, open_rtx
from runtime.backends.tensorrt.cuda import open_cuda
from runtime.backends.tensorrt.engine import TensorRt
from runtime.backends.tensorrt.portable import JitContexts
from runtime.bundle.manifest import Profile
from runtime.system.gpu import gpu
from runtime.system.libraries import installed_version
from tests.export.engines.test_build_on_gpu import batch, differs

pytestmark = pytest.mark.gpu
_PROFILES = (Profile(8, 64), Profile(1, 64), Profile(2, 128))


@pytest.fixture(scope="module")
def folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the fp16 graph and the portable engine of it."""
    here = gpu()
    if here is None or here.compute_capability not in CAPABILITIES:
        pytest.skip("this machine has no NVIDIA GPU that portable engines are for")
    if not installed_version("tensorrt_rtx", ("tensorrt-rtx-cu13",)):
        pytest.skip("tensorrt-rtx-cu13 is not installed")
    made = tmp_path_factory.mktemp("portable")
    (graph,) = engine_graphs(load_model(tiny_model), made, layers_in="fp16")
    portable_from_graph(
        made / graph.file,
        made / "rtx.plan",
        graph,
        profiles=_PROFILES,
        library=open_portable_building(),
        phases=Phases(),
    )
    return made


def opened(folder: Path) -> TensorRt:
    library, kept = open_rtx(), str(folder / "rtx.jit")
    return TensorRt(
        folder / "rtx.plan",
        layout="packed",
        streams=2,
        vocabulary=200,
        positions=64,
        library=library,
        cuda=open_cuda(),
        profiles=_PROFILES,
        contexts=lambda plan, _: JitContexts(cast(PortablePlan, plan), library, kept),
    )


@pytest.mark.parametrize("shape", [(8, 64), (1, 64), (3, 64), (20, 64), (2, 128), (1, 100)])
def test_it_answers_as_its_graph_does(folder: Path, shape: tuple[int, int]) -> None:
    backend = opened(folder)
    for seed in range(3):  # the first compiles and prepares, the others launch the graph
        given = batch(*shape, seed)
        assert differs(folder, given, backend.logits(given)) < 0.02
    backend.close()


def test_what_was_compiled_is_kept(folder: Path) -> None:
    backend = opened(folder)
    backend.logits(batch(1, 64, 0))
    backend.close()
    assert (folder / "rtx.jit").stat().st_size > 0
