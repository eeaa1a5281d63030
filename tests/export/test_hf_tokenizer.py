"""The bundle's tokenizer is the one that transformers opens, whatever of it stands in which file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from export.__main__ import main
from export.certify.tokens import compare_tokens
from export.hf_tokenizer import load_tokenizer, save_tokenizer
from runtime.bundle.checkpoint import Checkpoint, open_checkpoint
from runtime.encode.tokenizer import Encoder
from runtime.errors import CheckpointError, GateError
from tests.tiny import tiny_checkpoint

SENTENCES = (("Maria", "Keller", "flew", "from", "Lisbon"), ("Oslo", "."))
# A vocabulary in which an accent makes a difference.
PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "zürich", "zurich", "Zürich", "oslo", "Oslo", ".")


def accented(model: Path, folder: Path, **told: object) -> Checkpoint:
    """A checkpoint whose tokenizer.json keeps case and accents, and whose tokenizer_config.json may say otherwise."""
    shutil.copytree(model, folder)
    tokenizer = Tokenizer(models.WordPiece({piece: index for index, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    place = folder / "tokenizer_config.json"
    config = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": False, "strip_accents": False, **told}
    place.write_text(json.dumps(config))
    return open_checkpoint(folder)


@pytest.mark.parametrize(
    ("told", "token"),
    [({}, "Zürich"), ({"do_lower_case": True}, "zürich"), ({"do_lower_case": True, "strip_accents": None}, "zurich")],
)
def test_tokenizer_config_overrides_tokenizer_json(
    tiny_model: Path, tmp_path: Path, told: dict[str, object], token: str
) -> None:
    """transformers#6186, electra#88: strip_accents and do_lower_case of tokenizer_config.json were not read."""
    checkpoint = accented(tiny_model, tmp_path / "model", **told)
    saved, remarks = save_tokenizer(checkpoint, tmp_path / "tokenizer.json")
    assert saved.tokenizer == tmp_path / "tokenizer.json"
    assert Encoder(saved.tokenizer).encode_words([["Zürich"]]).ids.tolist() == [PIECES.index(token)]
    assert any("normalizer" in remark for remark in remarks) == bool(told)
    assert compare_tokens(saved.tokenizer, checkpoint.folder, SENTENCES) > len(SENTENCES)


def test_the_space_before_a_text_is_as_transformers_has_it(tmp_path: Path) -> None:
    """transformers#2917, delft#144: add_prefix_space of tokenizer_config.json changed every text."""
    folder = tiny_checkpoint(tmp_path / "model", architecture="roberta")
    place = folder / "tokenizer_config.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "add_prefix_space": True}))
    saved, [remark] = save_tokenizer(open_checkpoint(folder), tmp_path / "tokenizer.json")
    assert "pre_tokenizer" in remark
    compare_tokens(saved.tokenizer, folder, SENTENCES)
    with pytest.raises(GateError, match=r"other tokens than in transformers for \d+ of \d+ texts"):
        compare_tokens(folder / "tokenizer.json", folder, SENTENCES)


@pytest.mark.parametrize("architecture", ["bert", "bert-uncased", "roberta", "xlm-roberta", "modernbert", "albert"])
def test_delicate_strings_have_the_same_tokens_in_every_family(architecture: str, tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "model", architecture=architecture)
    saved, _ = save_tokenizer(open_checkpoint(folder), tmp_path / "tokenizer.json")
    compare_tokens(saved.tokenizer, folder, SENTENCES)


def test_a_difference_in_accents_alone_is_found_on_a_corpus_without_any(tiny_model: Path, tmp_path: Path) -> None:
    """transformers#6186: certified on text without accents, wrong on "Zürich"."""
    checkpoint = accented(tiny_model, tmp_path / "model", strip_accents=True)
    with pytest.raises(GateError, match=r"the first is 'Zürich': \[2, 7, 3\] where transformers has \[2, 1, 3\]"):
        compare_tokens(checkpoint.tokenizer, checkpoint.folder, [["Oslo", "."]])


def test_a_tokenizer_that_breaks_at_a_text_is_one_line(tiny_model: Path, tmp_path: Path) -> None:
    """It opens, and its library raises a bare Exception at the first word that it does not know."""
    checkpoint = accented(tiny_model, tmp_path / "model")
    told = json.loads(checkpoint.tokenizer.read_text())
    told["model"]["vocab"]["[gone]"] = told["model"]["vocab"].pop("[UNK]")
    checkpoint.tokenizer.write_text(json.dumps(told))
    with pytest.raises(CheckpointError, match=r"model: its tokenizer breaks on a text \(WordPiece error: Missing"):
        compare_tokens(checkpoint.tokenizer, checkpoint.folder, SENTENCES)


def test_a_slow_tokenizer_is_converted(tiny_model: Path, tmp_path: Path) -> None:
    """transformers#2300: a vocab.txt alone."""
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (folder / "tokenizer.json").unlink()
    saved, [remark] = save_tokenizer(open_checkpoint(folder), tmp_path / "tokenizer.json")
    assert remark == "the slow tokenizer (vocab.txt) is converted: the bundle's tokenizer.json is a fast one"
    expected = transformers.BertTokenizer(str(folder / "vocab.txt"), do_lower_case=False)("Maria Keller")["input_ids"]
    encoder = Encoder(saved.tokenizer)
    found = encoder.encode_words([["Maria", "Keller"]]).ids.tolist()
    assert [*encoder.special_tokens.prefix, *found, *encoder.special_tokens.suffix] == expected


@pytest.mark.parametrize(
    ("architecture", "name"),
    [("xlm-roberta", "sentencepiece.bpe.model"), ("albert", "spiece.model"), ("deberta-v2", "spm.model")],
)
def test_a_sentencepiece_model_is_converted(architecture: str, name: str, tmp_path: Path) -> None:
    """DeBERTa#117: a spm.model without tokenizer.json."""
    trainer = pytest.importorskip("sentencepiece").SentencePieceTrainer
    folder = tiny_checkpoint(tmp_path / "model", architecture=architecture)
    (folder / "tokenizer.json").unlink()
    (folder / "text").write_text("\n".join(" ".join(words) for words in SENTENCES) * 20)
    told = "--vocab_size=32 --model_type=unigram --minloglevel=2 --hard_vocab_limit=false"
    trainer.Train(f"--input={folder}/text --model_prefix={folder}/made {told}")
    (folder / "made.model").rename(folder / name)
    saved, [remark] = save_tokenizer(open_checkpoint(folder), tmp_path / "tokenizer.json")
    assert f"({name}) is converted" in remark
    compare_tokens(saved.tokenizer, folder, SENTENCES)


def test_a_slow_tokenizer_that_nothing_converts_is_one_line(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    for file in ("tokenizer.json", "vocab.txt"):
        (folder / file).unlink()
    (folder / "spiece.model").write_bytes(b"not a model of sentencepiece")
    place = folder / "tokenizer_config.json"
    place.write_text(json.dumps({"tokenizer_class": "AlbertTokenizer"}))
    with pytest.raises(CheckpointError, match=r"cannot convert its slow tokenizer, spiece\.model") as caught:
        load_tokenizer(folder, for_words=False)
    assert "\n" not in str(caught.value)


def test_export_says_what_became_of_the_tokenizer(
    tiny_model: Path, tiny_corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    (folder / "tokenizer.json").unlink()
    given = ["--model", folder, "--output", tmp_path / "bundle", "--corpus", tiny_corpus, "--sentences", 20]
    assert main([*map(str, given), "--limited-evidence", "--threads", "1"]) == 0
    said = capsys.readouterr().out
    assert "the same tokens as in transformers for" in said
    assert "the slow tokenizer (vocab.txt) is converted" in said
    assert "it differs from the slow one in 0 of them" in said
