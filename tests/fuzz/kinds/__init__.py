"""All kinds of cases, one a module. The dear ones have small shares: a million cases take half an hour of one CPU."""

from __future__ import annotations

from tests.fuzz.kind import Kind
from tests.fuzz.kinds import (
    bundles,
    checkpoints,
    command_lines,
    commands,
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
    Kind("manifests", 2_500, manifests.open_case),
    Kind("gate", 800, gate.open_case),
    Kind("corpora", 1_300, corpora.open_case),
    Kind("checkpoints", 1_200, checkpoints.open_case),
    Kind("command lines", 400, command_lines.open_case),
    Kind("commands", 400, commands.open_case),
    Kind("inputs", 1_000, inputs.open_case),
    Kind("resumed runs", 700, resumed.open_case),
    Kind("texts", 600, texts.open_case),
    Kind("tokenizers", 500, tokenizers.open_case),
    Kind("requests", 500, requests.open_case),
    Kind("graphs", 200, graphs.open_case),
    Kind("bundles", 200, bundles.open_case),
)
