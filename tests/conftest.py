"""What many tests share: a tiny checkpoint, a corpus for it, and the certified bundle that export makes of them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from runtime.text.conll import Sentence, write_conll
from tests.tiny import TEXT, tiny_checkpoint
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent
# The environment of a process whose output Python gathers before it writes it out, as it does by default.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
CONLL = ROOT.parent / "shared" / "data" / "conll2003"

# The default run is a gate: it takes the same examples every time, and no example fails because the machine was slow.
settings.register_profile("gate", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Other examples each time: python -m pytest --hypothesis-profile=chance
settings.register_profile("chance", settings.get_profile("gate"), derandomize=False)
settings.load_profile("gate")

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT with rows of up to 64 tokens and the labels of tests.tiny."""
    return tiny_checkpoint(tmp_path_factory.mktemp("models") / "bert")


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus folder: shuffled words and arbitrary labels in sentences of one word to twenty, enough for the gate."""
    folder = tmp_path_factory.mktemp("corpus")
    write_conll(random_sentences(200, seed=8), folder / "train.txt")
    write_conll(random_sentences(1000, seed=7), folder / "valid.txt")
    return folder


def random_sentences(count: int, *, seed: int) -> list[Sentence]:
    """Sentences of the tiny tokenizers' words."""
    chance = random.Random(seed)
    words = sorted({word for line in TEXT for word in line.split()})
    lengths = [chance.randint(1, 20) for _ in range(count)]
    return [Sentence(tuple(chance.choices(words, k=n)), tuple(chance.choices(LABELS, k=n))) for n in lengths]


LABELS = ("O", "O", "O", "B-PER", "I-PER", "B-LOC", "B-ORG")


@pytest.fixture(scope="session")
def tiny_bundle(tiny_model: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that `python -m export` makes of tiny_model, certified on tiny_corpus. Copy it before changing it."""
    from export.__main__ import main

    bundle = tmp_path_factory.mktemp("bundles") / "bert"
    assert main(["--model", str(tiny_model), "--output", str(bundle), "--corpus", str(tiny_corpus)]) == 0
    return bundle


@pytest.fixture(scope="session")
def gpu_bundle(tiny_model: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of tiny_model in fp32, fp16 and fp16 with fused attention, without certificates; Optimum may be absent.

    It is for tests on a GPU, whose machine brings its own libraries.
    """
    from bench.gpu.bundles import make_bundle

    bundle = tmp_path_factory.mktemp("bundles") / "gpu"
    make_bundle(tiny_model, bundle, tiny_corpus)
    return bundle


@pytest.fixture(scope="session")
def command() -> Command:
    """Runs `python -m MODULE ARGUMENTS...` as a user does, from the project's root, and returns what it printed."""

    def run(module: str, *arguments: object, stdin: str = "", cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=PATIENCE,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def conll() -> Path:
    """The CoNLL-2003 folder beside the project, which is not ours to ship."""
    if not (CONLL / "valid.txt").is_file():
        pytest.skip(f"CoNLL-2003 is not at {CONLL}")
    return CONLL
