"""A backend is one file: written into a folder of backends, it is listed, chosen, opened and refused like any other.

The same holds for a file in a folder of its library's, beside files that several backends share.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.backends.base import BackendOptions
from runtime.backends.registry import backend_names, open_candidate, spec_of, specs, version_of
from runtime.bundle.certificate import Candidate
from runtime.bundle.store import open_bundle
from runtime.errors import BackendError
from tests.conftest import ROOT
from tests.fakes.machine import FakeMachine

_BACKEND = '''
"""Backend parrot: every token is the first label. It needs the library json."""

import numpy as np

from runtime.backends.base import Obstacle
from runtime.backends.fake import Fake
from runtime.bundle.certificate import Candidate


class _Spec:
    name, device, summary = "parrot", "cpu", "says one thing, quickly"
    preference, library, distributions, extra = 5, "parrot", ("parrot",), "parrot"

    def candidates(self, bundle):
        return [Candidate(graph.file, "parrot", "fp32", "cpu") for graph in bundle.manifest.graphs]

    def missing(self, here):
        return None if here.version("parrot", ("parrot",)) else Obstacle("no parrot here", "buy one")

    def obstacle(self, bundle, candidate, here):
        return self.missing(here)

    def open(self, bundle, candidate, options):
        return Fake(len(bundle.manifest.labels), np.zeros_like)


SPECS = (_Spec(),)
'''
_USE = """
import sys
from dataclasses import replace
from pathlib import Path
import runtime.backends
runtime.backends.__path__.append(sys.argv[1])
from runtime.backends.__main__ import main
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import open_bundle
from runtime.errors import BackendError
from runtime.selection import candidates, choose
from runtime.tagger import Tagger
from tests.fakes.machine import FakeMachine

bundle = open_bundle(Path(sys.argv[2]))
print(main([], here=FakeMachine(packages={"parrot": "3.1"})))
print(str(candidates(bundle)[0]))
print(choose(bundle, certified=False, here=FakeMachine(packages={"parrot": "3.1"})).backend)
try:
    choose(bundle, Wanted(backend="parrot"), here=FakeMachine())
except BackendError as error:
    print(error)
sys.modules["parrot"] = type("Parrot", (), {"__version__": "3.1"})
with Tagger.open(bundle, candidate=Wanted(backend="parrot"), allow_uncertified=True) as tagger:
    print(tagger.backend.version, tagger.tag(["Oslo"]))
"""


@pytest.mark.parametrize("file", ["parrot_backend.py", "birds/parrot.py"])
def test_a_backend_in_a_file_of_its_own_is_listed_chosen_refused_and_run(
    file: str, tmp_path: Path, tiny_bundle: Path
) -> None:
    path = tmp_path / file
    if path.parent != tmp_path:
        path.parent.mkdir()
        (path.parent / "__init__.py").touch()
        (path.parent / "shared.py").write_text("SAYS = 0\n")
        path.write_text(_BACKEND.replace("import numpy as np\n", "import numpy as np\n\nfrom .shared import SAYS\n", 1))
    else:
        path.write_text(_BACKEND)
    command = [sys.executable, "-c", _USE, str(tmp_path), str(tiny_bundle)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *listed, status, first, taken, refused, answered = done.stdout.splitlines()
    place = listed.index(f"{'parrot':<22}cpu   says one thing, quickly")
    assert listed[place + 1] == "    can run here"
    assert (status, first, taken) == ("0", "padded-fp32.onnx on parrot in fp32, cpu", "parrot")
    assert refused == "backend 'parrot': no parrot here; buy one"
    assert answered == "0 [[]]"


def test_backends_of_this_project_in_order_of_preference() -> None:
    assert backend_names()[:2] == ("onnxruntime", "openvino")
    assert {"tensorrt", "onnxruntime-tensorrt", "pytorch"} <= {*backend_names()}
    assert [spec.preference for spec in specs()] == sorted(spec.preference for spec in specs())
    assert len({(spec.name, spec.device) for spec in specs()}) == len(specs())


def test_a_name_and_a_device_say_which_backend() -> None:
    on_gpu = Candidate("a.onnx", "onnxruntime", "fp32", "cuda")
    assert spec_of(on_gpu).extra == "gpu"
    assert version_of(on_gpu, FakeMachine(packages={"onnxruntime": "1", "onnxruntime-gpu": "2"})) == "2"
    assert version_of(on_gpu, FakeMachine()) == ""
    with pytest.raises(
        BackendError, match=r"backend 'openvino': there is none on cuda; choose one of onnxruntime \(cpu\)"
    ):
        spec_of(Candidate("a.onnx", "openvino", "fp32", "cuda"))


def test_a_library_that_is_missing_is_one_line(tiny_bundle: Path) -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from pathlib import Path\n"
        "from runtime.backends.base import BackendOptions\n"
        "from runtime.backends.registry import open_candidate\n"
        "from runtime.bundle.certificate import Candidate\n"
        "from runtime.bundle.store import open_bundle\n"
        "candidate = Candidate('packed-fp32.onnx', 'onnxruntime', 'fp32', 'cpu')\n"
        f"open_candidate(candidate, open_bundle(Path({str(tiny_bundle)!r})), BackendOptions(threads=1))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "the library 'onnxruntime' is not installed; pip install 'nerve-ner[onnxruntime]'" in done.stderr


def test_what_is_opened_is_what_was_chosen(tiny_bundle: Path) -> None:
    candidate = Candidate("padded-fp32.onnx", "onnxruntime", "fp32", "cpu")
    backend = open_candidate(candidate, open_bundle(tiny_bundle), BackendOptions(threads=2))
    assert (backend.layout, backend.device, backend.streams) == ("padded", "cpu", 2)
    backend.close()
