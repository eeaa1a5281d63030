"""The table of architectures is what export makes of them, and what cannot work is one line."""

from __future__ import annotations

import contextlib
from dataclasses import astuple, replace
from pathlib import Path

import pytest
import transformers

from export.architectures import REFUSED, SUPPORT, check_architecture
from export.certify.attest.attest_bundle import attest_all
from export.certify.certify_bundle import certify_all
from export.certify.corpus import read_text, training_sentences
from export.certify.measure import Certifier
from export.certify.outcomes import certificates_of
from export.certify.reference import Reference
from export.certify.tokens import compare_tokens
from export.graphs.packed import can_pack, packed_from_checkpoint
from export.graphs.padded import padded_from_checkpoint
from export.hf_tokenizer import save_tokenizer
from export.options import VariantOptions
from export.pipeline import seal_uncertified
from export.torch_model import load_model
from export.variants import Variant, variants_of
from runtime.bundle.certificate import Wanted
from runtime.bundle.checkpoint import Checkpoint, open_checkpoint
from runtime.bundle.store import TOKENIZER, Bundle, Precision
from runtime.errors import BundleError, CheckpointError
from runtime.tagger import Tagger
from runtime.text.label_schemes import LabelSet
from tests.conftest import ROOT, Command
from tests.rare_architectures import MORE
from tests.rare_architectures import REFUSED as TINY_REFUSED
from tests.tiny import ARCHITECTURES, TEXT, Architecture, tiny_checkpoint

ALL: dict[str, str | Architecture] = {**{name: name for name in ARCHITECTURES if name != "bert-uncased"}, **MORE}


def test_the_page_is_the_table() -> None:
    page = (ROOT / "docs" / "architectures.md").read_text(encoding="utf-8")
    rows = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in page.splitlines() if line[:3] == "| `"]
    told = {row[0].strip("`"): row[1:] for row in rows}
    marks = {True: "yes", False: "-"}
    assert told == {
        **{name: tuple(marks.get(cell, cell) for cell in astuple(row)) for name, row in SUPPORT.items()},
        **{name: (reason,) for name, reason in REFUSED.items()},
    }


def test_every_row_of_the_table_has_a_tiny_checkpoint() -> None:
    assert ALL.keys() == SUPPORT.keys()
    assert TINY_REFUSED.keys() <= REFUSED.keys()
    assert not SUPPORT.keys() & REFUSED.keys()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_work_is_one_line(name: str) -> None:
    with pytest.raises(CheckpointError, match=rf"^someone/model: architecture '{name}' cannot be exported: ") as caught:
        check_architecture(name, "someone/model")
    assert "docs/architectures.md" in str(caught.value)
    check_architecture("bert", "someone/model")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TINY_REFUSED))
def test_a_model_that_needs_more_than_text_is_one_line_of_the_command(
    name: str, tiny_corpus: Path, tmp_path: Path, command: Command
) -> None:
    """Longformer, MarkupLM, LayoutLMv3, LiLT: 70 lines of a traceback."""
    model = tiny_checkpoint(tmp_path / "model", architecture=TINY_REFUSED[name])
    said = command("export", "--model", model, "--output", tmp_path / "bundle", "--corpus", tiny_corpus)
    assert (said.returncode, said.stderr.count("\n")) == (2, 1), said.stderr
    assert f"architecture '{name}' cannot be exported" in said.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ALL))
def test_the_table_is_what_export_makes(name: str, tiny_corpus: Path, tmp_path: Path) -> None:
    """FlauBERT and SqueezeBERT were refused for unfused attention; data2vec-text, I-BERT, ESM ended in tracebacks."""
    model = tiny_checkpoint(tmp_path / "model", architecture=ALL[name])
    bundle, network = made(open_checkpoint(model), tiny_corpus, tmp_path)
    fp32 = tuple(graph for graph in bundle.manifest.graphs if graph.precision == "fp32")
    alone = replace(bundle, manifest=replace(bundle.manifest, graphs=fp32))
    reference, text = Reference(model, network, threads=1), read_text(tiny_corpus, most=40, limited=True)
    certifier = Certifier(reference, text, LabelSet(bundle.manifest.labels), max_length=bundle.manifest.max_length)
    passed = {one.file for one in certificates_of(certify_all(alone, certifier, threads=1)) if one.passed}
    # Random weights are too delicate for the gate of lower precisions: that they are made and answer is all.
    lower = [graph for graph in bundle.manifest.graphs if graph.precision != "fp32" and not graph.made_for]
    for graph in lower:
        with Tagger.open(bundle, candidate=Wanted(file=graph.file), threads=1, allow_uncertified=True) as tagger:
            assert len(tagger.tag([*TEXT])) == len(TEXT)
    row = SUPPORT[name]
    layouts, precisions = {one.layout for one in fp32 if one.file in passed}, {one.precision for one in lower}
    assert (row.padded, row.packed) == ("padded" in layouts, "packed" in layouts)
    assert (row.int8, row.fp16) == ("int8" in precisions, "fp16" in precisions)


def made(checkpoint: Checkpoint, corpus: Path, folder: Path) -> tuple[Bundle, transformers.PreTrainedModel]:
    """An attested bundle of all graphs that the checkpoint can have, without certificates."""
    output = folder / "bundle"
    output.mkdir()
    saved, _ = save_tokenizer(checkpoint, output / TOKENIZER)
    compare_tokens(saved.tokenizer, checkpoint.folder, [line.split() for line in TEXT])
    network = load_model(checkpoint.folder)
    graphs = [padded_from_checkpoint(network, output / "padded-fp32.onnx")]
    if can_pack(network):
        graphs.append(packed_from_checkpoint(network, output / "packed-fp32.onnx"))
    sentences = training_sentences(corpus, read_text(corpus, most=40, limited=True))
    lower: list[Variant] = []
    precisions: tuple[Precision, ...] = ("int8", "fp16")
    for precision in precisions:
        # One line where a model's activations do not fit, for what has no place in the table.
        with contextlib.suppress(BundleError):
            asked = VariantOptions((precision,), sentences=sentences)
            lower += variants_of(
                asked, output, tuple(graphs), saved, network, threads=1, unfinished=folder / "unfinished"
            )
    bundle = seal_uncertified(output, saved, (*graphs, *(one.graph for one in lower)))
    attest_all(bundle, {one.graph.file: one.kept for one in lower})
    return bundle, network
