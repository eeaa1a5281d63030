"""All kinds of cases, one a module. Most are cheap, so that a million of cases takes hours and not days."""

from __future__ import annotations

from tests.fuzz.kind import Kind
from tests.fuzz.kinds import (
    bundles,
    checkpoints,
    command_lines,
    corpora,
    gate,
    graphs,
    inputs,
    manifests,
    requests,
    resumed,
    texts,
    tokenizers,
)

KINDS = (
    Kind("manifests", 3_000, manifests.open_case),
    Kind("gate", 800, gate.open_case),
    Kind("corpora", 1_300, corpora.open_case),
    Kind("checkpoints", 1_200, checkpoints.open_case),
    Kind("command lines", 400, command_lines.open_case),
    Kind("inputs", 1_000, inputs.open_case),
    Kind("resumed runs", 500, resumed.open_case),
    Kind("texts", 600, texts.open_case),
    Kind("tokenizers", 500, tokenizers.open_case),
    Kind("requests", 500, requests.open_case),
    Kind("graphs", 120, graphs.open_case),
    Kind("bundles", 80, bundles.open_case),
)
