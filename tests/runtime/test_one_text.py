"""A single text is answered on a way of its own, and gets exactly what it gets among others."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.backends.fake import Fake
from runtime.batch.batches import Batch
from runtime.batch.windowing import Windowing
from runtime.bundle.store import Layout
from runtime.decode.options import BY_WORD, Decoding
from runtime.encode.tokenizer import Encoder
from runtime.errors import BackendError, BundleError
from runtime.tagger import Tagger
from tests.nasty import varied_sentences
from tests.tiny import LABELS, TEXT, tiny_checkpoint

TEXTS = (
    *TEXT,
    *(" ".join(words) for words in varied_sentences(60, seed=3)),
    *("", " ", "Oslo", "\u200b", "x" * 900, "Oslo " * 200, "Peter Lund.  Lisbon fell. Oslo, too!"),
    *("Lund lost . Oslo won . Anna Lund of Oslo 3 .", "Anna\nPeter Lund\nLund", "Oslo . " * 30),
    *("In the U.S. Peter Lund met Anna.", "Lisbon\n\nOslo", "1. Lund 9.83 2. Keller 9.91", "\ud800 Oslo", "奥斯陆 。"),
)


class Doubtful(Fake):
    """Says something else of every token and each label, as a model does."""

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        self.shapes.append(batch.input_ids.shape)
        mixed = (batch.input_ids[..., None] * 31 + batch.position_ids[..., None] * 7 + np.arange(self._labels)) % 97
        said: NDArray[np.float32] = 4 * np.sin(mixed).astype(np.float32)
        return said


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "model") / "tokenizer.json"


def opened(
    tokenizer: Path, backend: Fake, *, decoding: Decoding = BY_WORD, windowing: Windowing | None = None
) -> Tagger:
    windowing = windowing or Windowing()
    return Tagger(
        Encoder(tokenizer),
        LABELS,
        backend,
        max_length=64,
        vocabulary=10**6,
        decoding=decoding,
        windowing=windowing,
    )


@pytest.mark.parametrize("layout", ["padded", "packed"])
@pytest.mark.parametrize("policy", ["sentences", "context", "windows"])
@pytest.mark.parametrize("decoding", [BY_WORD, Decoding(thresholds={"PER": 0.4}, ignore=["LOC"])])
def test_alone_a_text_gets_what_it_gets_among_others(
    tokenizer: Path, policy: str, decoding: Decoding, layout: Layout
) -> None:
    windowing = Windowing(policy=policy)  # type: ignore[arg-type]
    backend = Doubtful(len(LABELS), lambda ids: ids, layout=layout)
    tagger = opened(tokenizer, backend, decoding=decoding, windowing=windowing)
    together = tagger.tag(TEXTS)
    assert sum(map(len, together)) > 100
    assert [tagger.tag([text])[0] for text in TEXTS] == together
    assert list(tagger.stream(iter(TEXTS), chunk=1)) == together


def test_a_sentence_is_one_row_without_an_empty_slot(tokenizer: Path) -> None:
    backend = Fake(len(LABELS), lambda ids: ids % len(LABELS))
    tagger = opened(tokenizer, backend)
    tagger.tag(["Oslo fell ."])
    [(rows, length)] = backend.shapes
    [encoded] = [tagger._encoder.encode_words([["Oslo", "fell", "."]])]
    assert (rows, length) == (1, len(encoded.ids) + 2)


def test_several_sentences_are_one_row_of_several_windows(tokenizer: Path) -> None:
    backend = Fake(len(LABELS), lambda ids: ids % len(LABELS), layout="packed")
    tagger = opened(tokenizer, backend)
    text = "Oslo fell . Peter Lund met Anna ."
    tagger.tag([text])
    tagger.tag([text, ""])
    assert len({*backend.shapes}) == 1
    assert backend.shapes[0][0] == 1


def test_labels_of_any_size_have_the_probability_that_they_have_among_others(tokenizer: Path) -> None:
    class Large(Doubtful):
        def logits(self, batch: Batch) -> NDArray[np.float32]:
            return 20 * super().logits(batch)

    tagger = opened(tokenizer, Large(len(LABELS), lambda ids: ids, layout="packed"))
    assert [tagger.tag([text])[0] for text in TEXTS] == tagger.tag(TEXTS)


def test_slots_without_a_token_may_hold_what_is_no_number(tokenizer: Path) -> None:
    class Careless(Doubtful):
        def logits(self, batch: Batch) -> NDArray[np.float32]:
            found = super().logits(batch)
            found[batch.input_ids == 0] = np.nan
            found[:, 0] = np.inf  # of [CLS]
            return found

    texts = ["Oslo fell .", "Oslo fell . Peter Lund met Anna ."]
    careless, careful = (
        opened(tokenizer, kind(len(LABELS), lambda ids: ids, layout="packed")) for kind in (Careless, Doubtful)
    )
    assert [careless.tag([text]) for text in texts] == [careful.tag([text]) for text in texts]


def test_what_is_no_number_in_one_of_several_sentences_is_no_answer(tokenizer: Path) -> None:
    class Broken(Fake):
        def logits(self, batch: Batch) -> NDArray[np.float32]:
            found = super().logits(batch)
            found[batch.position_ids == 1] = -np.inf
            return found

    with pytest.raises(BackendError, match=r"not finite \(NaN or infinity\), first in text 1 of 1"):
        opened(tokenizer, Broken(len(LABELS), lambda ids: ids, layout="packed")).tag(
            ["Oslo fell . Peter Lund met Anna ."]
        )


def test_what_is_no_number_is_no_answer(tokenizer: Path) -> None:
    class Broken(Fake):
        def logits(self, batch: Batch) -> NDArray[np.float32]:
            found = super().logits(batch)
            found[:, -2] = np.nan  # of the last token before [SEP]
            return found

    with pytest.raises(BackendError, match=r"not finite \(NaN or infinity\), first in text 1 of 1"):
        opened(tokenizer, Broken(len(LABELS), lambda ids: ids)).tag(["Oslo fell ."])


def test_logits_of_another_model_are_refused(tokenizer: Path) -> None:
    with pytest.raises(BundleError, match="its logits have the shape"):
        opened(tokenizer, Fake(len(LABELS) + 1, lambda ids: ids * 0)).tag(["Oslo fell ."])


def test_a_sentence_starts_no_thread_and_leaves_no_garbage(tokenizer: Path) -> None:
    tagger = opened(tokenizer, Doubtful(len(LABELS), lambda ids: ids))
    sentences = list(TEXT)
    for text in sentences:
        tagger.tag([text])
    threads = {each.name for each in Path("/proc/self/task").iterdir()}
    collections: list[str] = []
    gc.callbacks.append(lambda phase, about: collections.append(phase))
    try:
        for text in sentences * 50:
            tagger.tag([text])
    finally:
        gc.callbacks.pop()
    assert collections == []
    assert {each.name for each in Path("/proc/self/task").iterdir()} == threads
