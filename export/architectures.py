"""What works per architecture: the table of docs/architectures.md, and the architectures that cannot work at all.

An architecture that is in neither is tried: its certificate decides. The table is held against what export makes of
tiny random checkpoints by tests/export/test_architectures.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Support:
    """What export makes of an architecture.

    Attributes:
        padded: a padded graph in fp32 that is certified.
        packed: a packed graph in fp32 that is certified, and so int8 and fp16.
        int8: a graph in int8 that OpenVINO runs.
        fp16: graphs in fp16.
        remark: for people.
    """

    padded: bool
    packed: bool
    int8: bool
    fp16: bool
    remark: str = ""


_EVERYTHING = Support(padded=True, packed=True, int8=True, fp16=True)
_PADDED = Support(padded=True, packed=False, int8=False, fp16=False)


def _padded(remark: str) -> Support:
    return Support(padded=True, packed=False, int8=False, fp16=False, remark=remark)


_OWN_TRACE = "Optimum does not know it; the graph is traced without it"
SUPPORT: dict[str, Support] = {
    **dict.fromkeys(("albert", "bert", "camembert", "data2vec-text", "distilbert", "electra"), _EVERYTHING),
    **dict.fromkeys(("roberta", "xlm-roberta"), _EVERYTHING),
    "big_bird": _padded("with attention_type original_full; block_sparse falls back to it in short rows alone"),
    "deberta": _PADDED,
    "deberta-v2": _padded("DeBERTa v2 and v3; ONNX Runtime alone, OpenVINO cannot load it"),
    "ernie": _padded(_OWN_TRACE),
    "esm": _PADDED,
    "flaubert": _padded("its own tokenizer is slow; a tokenizer.json is needed"),
    "ibert": _padded("in fp32, as it was trained; its integer mode is not exported"),
    "luke": _padded(f"words alone, without entities; {_OWN_TRACE}"),
    "megatron-bert": _PADDED,
    "mobilebert": _PADDED,
    "modernbert": _PADDED,
    "mpnet": Support(
        padded=True, packed=True, int8=True, fp16=False, remark="fp16 is too coarse for the logarithms of its distances"
    ),
    "rembert": _PADDED,
    "roberta-prelayernorm": _padded(_OWN_TRACE),
    "roformer": _PADDED,
    "squeezebert": _PADDED,
    "xlm": _padded("its own tokenizer is slow; a tokenizer.json is needed"),
    "xlm-roberta-xl": _padded(_OWN_TRACE),
}
"""By transformers' model_type."""

_LAYOUT = "it reads the places of words on a page beside the text"
REFUSED: dict[str, str] = {
    **dict.fromkeys(("bros", "layoutlm", "layoutlmv2", "layoutlmv3", "lilt"), _LAYOUT),
    "markuplm": "it reads the markup of a page beside the text",
    "canine": "it reads characters, and has no fast tokenizer",
    "convbert": "padding changes its answers, so that they would depend on the batch",
    "fnet": "it takes no attention mask, so that padding would change its answers",
    "longformer": "it fills rows up to whole windows, which a graph for any length cannot hold",
    "nystromformer": "its attention takes rows of certain lengths alone",
    "xlnet": "its tokenizer puts the special tokens into a segment of their own",
    **dict.fromkeys(("eurobert", "nomic_bert"), "transformers has it as code of the checkpoint, which is never run"),
}
"""model_type -> why it cannot be exported."""


def check_architecture(architecture: str, checkpoint: str) -> None:
    """Refuse an architecture that cannot work, before anything is loaded.

    Args:
        architecture: transformers' model_type.
        checkpoint: its name, for the message.

    Raises:
        CheckpointError: it cannot.
    """
    if architecture in REFUSED:
        problem = f"architecture {architecture!r} cannot be exported: {REFUSED[architecture]}"
        raise CheckpointError(checkpoint, problem, "take one of those in docs/architectures.md")
