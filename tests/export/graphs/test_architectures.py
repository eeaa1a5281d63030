"""Any checkpoint: every architecture with its family's tokenizer goes through export, certify and tag."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.__main__ import main
from runtime.bundle.checkpoint import describe
from runtime.bundle.store import open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.errors import UncertifiedError
from runtime.tagger import Tagger
from tests.tiny import ARCHITECTURES, tiny_checkpoint

TEXT = "Maria Keller flew from Lisbon to Oslo on Friday ."
# What the padded graph is given besides ids and mask, and whether windows can share a row; "bert" is tiny_bundle.
COMMON = {
    "bert-uncased": (True, True),
    "distilbert": (False, True),
    "roberta": (False, True),
    "xlm-roberta": (False, True),
    "deberta-v2": (False, False),
    "modernbert": (False, False),
}
RARE = {"electra": (True, True), "albert": (True, True), "mpnet": (False, True), "camembert": (False, True)}
CASES = [
    *(pytest.param(name, *told, id=name) for name, told in COMMON.items()),
    *(pytest.param(name, *told, id=name, marks=pytest.mark.slow) for name, told in RARE.items()),
]


def test_no_architecture_is_left_out() -> None:
    assert {*COMMON, *RARE, "bert"} == set(ARCHITECTURES)


@pytest.mark.parametrize(("architecture", "types", "packed"), CASES)
def test_export_certify_and_tag(
    architecture: str, types: bool, packed: bool, tiny_corpus: Path, tmp_path: Path
) -> None:
    model, bundle = tiny_checkpoint(tmp_path / "model", architecture=architecture), tmp_path / "bundle"
    given = ["--model", str(model), "--output", str(bundle), "--corpus", str(tiny_corpus), "--sentences", "20"]
    assert main([*given, "--threads", "1", "--limited-evidence"]) == 0
    opened = open_bundle(bundle, limited=True)
    manifest = opened.manifest
    graphs = {graph.layout: graph for graph in manifest.graphs if graph.precision == "fp32"}
    assert set(graphs) == ({"padded", "packed"} if packed else {"padded"})
    assert set(graphs["padded"].inputs) == {"input_ids", "attention_mask", *(["token_type_ids"] if types else [])}
    assert manifest.max_length == 64
    assert all(certificate.measured["rows_words"] for certificate in manifest.certificates)
    with pytest.raises(UncertifiedError, match=r"limited evidence: .* of 10,000 words"):
        Tagger.open(bundle, threads=1)
    with Tagger.open(opened, threads=1) as tagger:
        for entity in tagger.tag([TEXT])[0]:
            assert TEXT[entity.start : entity.end] == entity.text
        assert len(tagger.tag_words([TEXT.split()])[0]) == len(TEXT.split())


@pytest.mark.parametrize(("name", "same"), [("bert", False), ("bert-uncased", True)])
def test_case_is_the_tokenizers_business(name: str, same: bool, tmp_path: Path) -> None:
    encoder = Encoder(tiny_checkpoint(tmp_path / name, architecture=name) / "tokenizer.json")
    upper, lower = (encoder.encode_texts([text])[0].ids.tolist() for text in (TEXT.upper(), TEXT.lower()))
    assert (upper == lower) == same


@pytest.mark.parametrize("architecture", ["deberta-v2", "modernbert", "mpnet", "albert"])
def test_longest_row_of_models_with_other_positions(architecture: str, tmp_path: Path) -> None:
    assert describe(tiny_checkpoint(tmp_path / "model", architecture=architecture, positions=48)).max_length == 48
