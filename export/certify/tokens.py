"""Token ids before logits: the tokenizer of a bundle, as the runtime runs it, against transformers on its checkpoint.

A tokenizer that differs in accents or spaces answers alike on most of a corpus, and wrongly on the texts that a user
has. So it is held against transformers on the corpus and on strings that tokenizers are known to differ in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from export.hf_tokenizer import in_use, load_tokenizer
from runtime.encode.hf_pipeline import RawEncoder
from runtime.encode.tokenizer import Encoder
from runtime.errors import GateError
from runtime.text.words import runs_of_words

# ruff: noqa: RUF001 - letters that look alike are what is asked for
DELICATE = (
    # accents, composed and decomposed, and letters that lower-casing or folding changes in length
    *("Zürich", "Zu\u0308rich", "SÃO PAULO", "naïve façade", "Straße STRASSE ẞ", "İstanbul ISPARTA ı", "ﬁnance ﬂow"),
    *("Ångström Å", "Đà Nẵng", "Łódź", "Ǆ ǅ ǆ", "ΑΘΗΝΑΣ Αθήνας", "Ёлка ёлка"),
    # case
    *("iPhone IPHONE iphone", "McDonald O'BRIEN", "NATO Nato nato"),
    # spaces of all kinds, and none
    *(" Paris", "Paris ", "New  York", "New\tYork", "New\nYork", "New\u00a0York", "New\u2003York", "東京\u3000大阪"),
    *("", " ", "a", "e\u0301"),
    # marks and numbers
    *(
        "U.S.-based",
        "don\u2019t don't",
        "«Le Monde»",
        "3,000.5 €1.2m 50%",
        "C++ C# .NET",
        "a/b\\c",
        "...",
        "--",
        "``x''",
    ),
    # scripts without spaces, and from right to left
    *("東京都", "北京2008", "ニューヨーク ﾆｭｰﾖｰｸ", "서울특별시", "กรุงเทพ", "नई दिल्ली", "القاهرة", "תל אביב"),
    *("\u202bשלום\u202c x", "Հայաստան"),
    # what nobody sees
    *(
        "zero\u200bwidth",
        "word\u200djoined",
        "soft\u00adhyphen",
        "\ufeffBOM",
        "a\u0000b",
        "bell\u0007",
        "\u200e",
        "\ufffd",
    ),
    # emoji, with joiners and variants, and characters beyond the first plane
    *("👍", "👩\u200d💻 Ada", "🇩🇪", "❤\ufe0f", "𝔊𝔬𝔢𝔱𝔥𝔢", "𠮷野家"),
    # what tokenizers take for their own
    *("[CLS]", "[SEP] x", "<s>", "</s>y", "<mask>", "##ing", "▁Paris", "Ġx", "<|endoftext|>", "[UNK]"),
    # long words
    *("Donaudampfschifffahrtsgesellschaft" * 6, "a" * 200),
)
"""Strings that tokenizers differ in."""


def compare_tokens(tokenizer: Path, checkpoint: Path, sentences: Sequence[Sequence[str]]) -> int:
    """Hold a tokenizer.json against the checkpoint's own tokenizer, word by word and on whole texts.

    Args:
        tokenizer: the file, which the runtime opens.
        checkpoint: the folder, which transformers opens.
        sentences: words of each sentence of the corpus; DELICATE is added to them.

    Returns:
        The number of texts that were compared.

    Raises:
        GateError: they make other tokens of a text; the first one is shown.
        CheckpointError: see export.hf_tokenizer.load_tokenizer and in_use.
    """
    whole = [*(" ".join(words) for words in sentences), *DELICATE]
    texts = [*map(list, sentences), *(_words(text) for text in DELICATE)]
    differ = [*_different_words(tokenizer, checkpoint, texts), *_different_texts(tokenizer, checkpoint, whole)]
    if differ:
        text, ours, theirs = differ[0]
        problem = (
            f"other tokens than in transformers for {len(differ):,} of {len(texts) + len(whole):,} texts, "
            f"the first is {text[:60]!r}: {_shown(ours)} where transformers has {_shown(theirs)}"
        )
        raise GateError(str(tokenizer), problem, "give its own checkpoint, or export it again")
    return len(texts)


def compare_with_slow(checkpoint: Path, sentences: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How many whole texts a converted tokenizer cuts otherwise than the slow one that it was made of.

    Args:
        checkpoint: the folder, which has a slow tokenizer.
        sentences: as for compare_tokens.

    Returns:
        Of the corpus, and of DELICATE.

    Raises:
        CheckpointError: see export.hf_tokenizer.load_tokenizer and in_use.
    """
    import transformers

    slow = transformers.AutoTokenizer.from_pretrained(
        checkpoint, use_fast=False, local_files_only=True, trust_remote_code=False
    )
    fast = load_tokenizer(checkpoint, for_words=False)
    counts = []
    for texts in ([" ".join(words) for words in sentences], DELICATE):
        pairs = ((slow(text)["input_ids"], fast(text)["input_ids"]) for text in texts)
        with in_use(checkpoint):
            counts.append(sum(one != other for one, other in pairs))
    return counts[0], counts[1]


_Different = tuple[str, list[int], list[int]]


def _different_words(tokenizer: Path, checkpoint: Path, texts: Sequence[list[str]]) -> Iterator[_Different]:
    opened = load_tokenizer(checkpoint, for_words=True)
    with in_use(checkpoint):
        theirs = opened(texts, is_split_into_words=True, verbose=False)["input_ids"]
    encoder = Encoder(tokenizer)
    ours = encoder.encode_words(texts)
    before, after = list(encoder.special_tokens.prefix), list(encoder.special_tokens.suffix)
    for index, text in enumerate(texts):
        tokens = ours.ids[ours.text_start[index] : ours.text_start[index + 1]].tolist()
        if [*before, *tokens, *after] != theirs[index]:
            yield " ".join(text), [*before, *tokens, *after], theirs[index]


def _different_texts(tokenizer: Path, checkpoint: Path, texts: Sequence[str]) -> Iterator[_Different]:
    opened = load_tokenizer(checkpoint, for_words=False)
    with in_use(checkpoint):
        theirs = opened(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    ours = RawEncoder(tokenizer).encode(texts)
    for index, text in enumerate(texts):
        tokens = ours.ids[ours.text_start[index] : ours.text_start[index + 1]].tolist()
        if tokens != theirs[index]:
            yield text, tokens, theirs[index]


def _words(text: str) -> list[str]:
    return [text[start:end] for run in runs_of_words(text) for start, end in run]


def _shown(ids: Sequence[int]) -> str:
    return str(ids[:8])[:-1] + (", ...]" if len(ids) > 8 else "]")
