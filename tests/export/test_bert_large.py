"""Models of true size, with random weights: time, memory, and the two gigabytes that one protobuf cannot hold."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import transformers

from runtime.bundle.store import open_bundle
from tests.conftest import ROOT
from tests.tiny import LABELS, tiny_checkpoint

pytestmark = pytest.mark.slow


def checkpoint(
    folder: Path, config: transformers.PretrainedConfig, *, architecture: str = "bert", positions: int = 64
) -> Path:
    """A checkpoint of that configuration with the tiny tokenizer of the architecture."""
    tiny_checkpoint(folder, architecture=architecture, positions=positions)
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {label: index for index, label in enumerate(LABELS)}
    transformers.AutoModelForTokenClassification.from_config(config).save_pretrained(folder)
    return folder


def export(model: Path, output: Path, corpus: Path) -> tuple[float, float]:
    """Seconds and the peak memory in GiB of `python -m export` on a few sentences."""
    script = (
        "import resource, subprocess, sys; status = subprocess.run(sys.argv[1:]).returncode; "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(status)"
    )
    given = ["--model", model, "--output", output, "--corpus", corpus, "--sentences", "10", "--limited-evidence"]
    begun = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-c", script, sys.executable, "-m", "export", *map(str, given)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - begun, int(said.stdout.split()[-1]) / 2**20


def test_bert_large_exports_in_five_minutes_and_eight_gibibytes(tmp_path: Path, tiny_corpus: Path) -> None:
    shape = transformers.BertConfig(
        vocab_size=28_996, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096
    )
    model = checkpoint(tmp_path / "model", shape)
    seconds, memory = export(model, tmp_path / "bundle", tiny_corpus)
    print(f"bert-large: {seconds:.0f} s, {memory:.1f} GiB")
    assert seconds < 300
    assert memory < 8
    assert open_bundle(tmp_path / "bundle").manifest.certificates


def test_more_than_two_gigabytes_of_weights(tmp_path: Path, tiny_corpus: Path) -> None:
    shape = transformers.BertConfig(
        vocab_size=550_000, hidden_size=1024, num_hidden_layers=1, num_attention_heads=16, intermediate_size=1024
    )
    model = checkpoint(tmp_path / "model", shape)
    export(model, tmp_path / "bundle", tiny_corpus)
    files = open_bundle(tmp_path / "bundle").manifest.files
    assert max(digest.bytes for digest in files.values()) > 2**31


# As their published configurations have it: https://huggingface.co/FacebookAI/xlm-roberta-large and
# https://huggingface.co/microsoft/deberta-v3-large.
_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
XLM_ROBERTA_LARGE = transformers.XLMRobertaConfig(
    vocab_size=250_002,
    max_position_embeddings=514,
    type_vocab_size=1,
    pad_token_id=1,
    bos_token_id=0,
    eos_token_id=2,
    **_LARGE,
)
DEBERTA_V3_LARGE = transformers.DebertaV2Config(
    vocab_size=128_100,
    max_position_embeddings=512,
    type_vocab_size=0,
    relative_attention=True,
    max_relative_positions=-1,
    position_buckets=256,
    norm_rel_ebd="layer_norm",
    share_att_key=True,
    pos_att_type=["p2c", "c2p"],
    position_biased_input=False,
    **_LARGE,
)


@pytest.mark.parametrize(
    ("architecture", "config"), [("xlm-roberta", XLM_ROBERTA_LARGE), ("deberta-v2", DEBERTA_V3_LARGE)]
)
def test_the_largest_encoders_export_and_certify_in_sixteen_gibibytes(
    architecture: str, config: transformers.PretrainedConfig, tmp_path: Path, tiny_corpus: Path
) -> None:
    model = checkpoint(tmp_path / "model", config, architecture=architecture, positions=512)
    seconds, memory = export(model, tmp_path / "bundle", tiny_corpus)
    print(f"{architecture}, {config.hidden_size} x {config.num_hidden_layers}: {seconds:.0f} s, {memory:.1f} GiB")
    assert memory < 16
    assert open_bundle(tmp_path / "bundle", limited=True).manifest.certificates
