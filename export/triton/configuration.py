"""config.pbtxt: what Triton must know of a model, in the text format of its model_config.proto. Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Texts of one request of `ner`, and rows of one request of an encoder.
MOST_TEXTS, MOST_ROWS = 256, 64
# In the folder `warmup` of the model.
WARMUP_FILE = "sentence"
# A batch that is worth waiting for takes about so long; a longer one makes whoever came first wait for the last.
_BATCH_SECONDS = 0.01
# Tokens of a sentence of news with its special tokens; see export.tune.
_TOKENS = 20


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or an output.

    Attributes:
        name: of it.
        type: Triton's, such as "TYPE_INT64".
        dims: sizes, without that of the batch; -1 is any.
    """

    name: str
    type: str
    dims: tuple[int, ...]


def preferred_sizes(tokens_per_second: float) -> tuple[int, ...]:
    """Texts of a batch that Triton is to aim at: what the model reads in 10 ms, rounded down to a power of two, and
    four times that; none where the speed is not known.
    """
    texts = int(tokens_per_second * _BATCH_SECONDS / _TOKENS)
    sizes = [1 << (times * texts).bit_length() - 1 for times in (1, 4)] if texts else []
    return tuple(size for size in dict.fromkeys(sizes) if 1 < size <= MOST_TEXTS)


def string_data(text: str) -> bytes:
    """A text as a file of string data holds it: its length in bytes, 32-bit little-endian, and its UTF-8."""
    encoded = text.encode()
    return struct.pack("<I", len(encoded)) + encoded


def ner_configuration(*, device: str, instances: int, preferred: Sequence[int], parameters: Mapping[str, str]) -> str:
    """Of the model that takes text.

    Args:
        device: "cpu" or "cuda".
        instances: processes, each with a model of its own.
        preferred: see preferred_sizes.
        parameters: for model.py.
    """
    sizes = f"preferred_batch_size: [ {', '.join(map(str, preferred))} ]" if preferred else ""
    kind = "KIND_GPU" if device == "cuda" else "KIND_CPU"
    said = "\n".join(_parameter(key, value) for key, value in parameters.items())
    return f"""name: "ner"
backend: "python"
max_batch_size: {MOST_TEXTS}
input [ {{ name: "TEXT" data_type: TYPE_STRING dims: [ 1 ] }} ]
output [ {{ name: "ENTITIES" data_type: TYPE_STRING dims: [ 1 ] }} ]
# Without a delay: while one batch is computed, those that wait become the next.
dynamic_batching {{ {sizes} }}
instance_group [ {{ kind: {kind} count: {instances} }} ]
model_transaction_policy {{ decoupled: false }}
# The sentence of the certificate: the first of the texts that every opening of the model is checked on.
model_warmup [ {{
  name: "sentence" batch_size: 1
  inputs {{ key: "TEXT" value {{ data_type: TYPE_STRING dims: [ 1 ] input_data_file: "{WARMUP_FILE}" }} }}
}} ]
{said}
"""


def encoder_configuration(
    name: str,
    *,
    backend: str,
    file: str,
    inputs: Sequence[Tensor],
    outputs: Sequence[Tensor],
    batched: bool,
    device: str,
    profiles: int = 0,
) -> str:
    """Of a model that takes token ids and gives logits.

    Args:
        name: of the model.
        backend: Triton's: "onnxruntime" or "tensorrt".
        file: in the version's folder.
        inputs, outputs: the graph's.
        batched: rows are Triton's batch, and requests of one length are joined; else sizes are as the tensors say.
        device: "cpu" or "cuda".
        profiles: of a TensorRT engine; every instance takes all of them.
    """
    kind = "KIND_GPU" if device == "cuda" else "KIND_CPU"
    numbers = ", ".join(f'"{number}"' for number in range(profiles))
    every = f"profile: [ {numbers} ]" if profiles else ""
    batching = "dynamic_batching { }\n" if batched else ""
    return f"""name: "{name}"
backend: "{backend}"
default_model_filename: "{file}"
max_batch_size: {MOST_ROWS if batched else 0}
input [ {", ".join(map(_tensor, inputs))} ]
output [ {", ".join(map(_tensor, outputs))} ]
{batching}instance_group [ {{ kind: {kind} count: 1 {every} }} ]
"""


def _tensor(tensor: Tensor) -> str:
    return f'{{ name: "{tensor.name}" data_type: {tensor.type} dims: [ {", ".join(map(str, tensor.dims))} ] }}'


def _parameter(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'
