"""The GPU check where Optimum is not installed, as on machines whose image brings its own libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.waiting import PATIENCE

# Optimum cannot be imported in that process, which is how a machine without it behaves.
_SCRIPT = """
import sys
sys.modules["optimum"] = None
from pathlib import Path
from bench.gpu import bundles, jobs
from bench.measure.jobs import Session
from bench.systems.base import Failure
checkpoint, corpus, work = map(Path, sys.argv[1:])
print(*bundles.make_bundle(checkpoint, work / "bundle", corpus, searched=1), sep="\\n")
try:
    jobs.export(Session(), checkpoint, corpus, work / "exported")
except Failure as failure:
    print(failure)
"""


def test_packed_graphs_are_made_and_what_needs_it_is_a_line(
    small_checkpoint: Path, sample: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _SCRIPT, str(small_checkpoint), str(sample), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    [why] = [line for line in lines if line.startswith("no padded graph: ")]
    assert "Optimum, which makes padded graphs: it is not installed, or does not fit transformers" in why
    assert lines[-1] == "optimum is not installed"
    made = {path.name for path in (tmp_path / "bundle").glob("*.onnx")}
    assert {"packed-fp32.onnx", "packed-fp16.onnx", "packed-fused-fp16.onnx", "padded-packing-fp16.onnx"} <= made
    assert "padded-fp32.onnx" not in made
