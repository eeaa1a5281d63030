"""A second bundle beside the first: what it would have answered otherwise, and that nobody waits for it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from runtime.serve.batching.reading import ENTITIES, Reading
from runtime.serve.observe.metrics import Metrics
from runtime.serve.observe.shadow import Shadow
from tests.conftest import Command
from tests.lookup import lookup_bundle
from tests.runtime.serve.running import TIMEOUT, Server
from tests.waiting import wait_until

# As WORDS of the bundle that is served, but that Oslo is not known.
OTHER = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC"}


def _report(server: Server, texts: int) -> dict[str, Any]:
    """The shadow's report once it has seen so many texts."""

    def report() -> dict[str, Any]:
        told: dict[str, Any] = server.get("/shadow").json()
        return told

    wait_until(lambda: report()["texts"] >= texts)
    return report()


@pytest.mark.parametrize("log_texts", [False, True])
def test_changed_labels_are_counted_and_shown(known_words: Path, tmp_path: Path, log_texts: bool) -> None:
    shadow = lookup_bundle(tmp_path / "shadow", OTHER)
    more = ("--shadow", shadow, "--shadow-share", "1", *(["--log-texts"] if log_texts else []))
    with Server(known_words, tmp_path / "log", *more) as server:
        assert server.tag("Angela Merkel left Oslo", "Paris") == [
            [("PER", "Angela Merkel"), ("LOC", "Oslo")],
            [("LOC", "Paris")],
        ]
        report = _report(server, 2)
        assert (report["words"], report["changed_labels"], report["changed_labels_in_10_000"]) == (5, 1, 2000)
        assert report["agreement_by_label"] == {"LOC": 0.5, "PER": 1}
        (difference,) = report["differences"]
        assert difference["only_served"] == [["LOC", 19, 23]]
        assert difference["only_shadow"] == []
        assert difference.get("text") == ("Angela Merkel left Oslo" if log_texts else None)
        metrics = server.get("/metrics").text
        assert "ner_shadow_changed_labels_total 1.0" in metrics
        assert "ner_shadow_words_total 5.0" in metrics


def test_texts_of_hugging_faces_clients_are_compared_and_counted_too(known_words: Path, tmp_path: Path) -> None:
    shadow = lookup_bundle(tmp_path / "shadow", OTHER)
    with Server(known_words, tmp_path / "log", "--shadow", shadow, "--shadow-share", "1") as server:
        assert server.post("/", {"inputs": "Angela Merkel left Oslo"}).status_code == 200
        tokens = {"inputs": "Paris", "parameters": {"aggregation_strategy": "none"}}
        assert server.post("/", tokens).status_code == 200
        report = _report(server, 2)
        assert (report["words"], report["changed_labels"]) == (5, 1)
        assert report["differences"] == [{"only_served": [["LOC", 19, 23]], "only_shadow": []}]
        found = [line for line in server.get("/metrics").text.splitlines() if line.startswith("ner_entities_total")]
        assert sorted(found) == ['ner_entities_total{label="LOC"} 1.0', 'ner_entities_total{label="PER"} 1.0']


def test_its_share_is_kept_to(known_words: Path, tmp_path: Path) -> None:
    shadow = lookup_bundle(tmp_path / "shadow", OTHER)
    with Server(known_words, tmp_path / "log", "--shadow", shadow, "--shadow-share", "0") as server:
        server.tag(*["Oslo"] * 50)
        assert server.get("/shadow").json()["texts"] == 0


def test_a_shadow_of_other_types_is_refused(known_words: Path, tmp_path: Path, command: Command) -> None:
    other = lookup_bundle(tmp_path / "shadow", {"Rex": "B-PET"}, labels=("O", "B-PET", "I-PET"))
    done = command("runtime.serve", "--bundle", known_words, "--shadow", other, "--port", "0")
    assert done.returncode == 2
    assert "its entity types are PET, not LOC, PER" in done.stderr


def test_without_a_shadow_there_is_none(server: Server) -> None:
    assert server.get("/shadow").status_code == 404


class Held:
    """Stages of a shadow that are at a text for as long as it takes.

    Attributes:
        begun: a text is in them.
        go: what lets them end it.
        closed: whether `close` was called.
    """

    def __init__(self) -> None:
        self.backend, self.closed = self, False
        self.begun, self.go = threading.Event(), threading.Event()

    def begin(self, *, small: bool) -> None:
        """Nothing to do."""

    def tokenize(self, reading: Reading, questions: Any) -> Any:
        """Where it takes its time."""
        self.begun.set()
        assert self.go.wait(TIMEOUT)

    def run(self, reading: Reading, tokens: Any) -> Any:
        """Nothing to say."""

    def decode(self, reading: Reading, tokens: Any, said: Any) -> list[Any]:
        """No entities."""
        return [[]]

    def close(self) -> None:
        """See Attributes."""
        self.closed = True


def test_a_shadow_in_the_middle_of_a_text_keeps_its_backend() -> None:
    stages = Held()
    shadow = Shadow(stages, "held", share=1.0)
    shadow.start(Metrics(queued=lambda: 0.0, ready=lambda: 1.0), busy=lambda: False)
    shadow.offer(["Paris"], [[]], ENTITIES, 0.1)
    assert stages.begun.wait(TIMEOUT)
    # To close a backend while a text is in it ended the process by a segmentation fault.
    assert not shadow.close(0.05)
    assert not stages.closed
    stages.go.set()
    assert shadow.close(TIMEOUT)
    assert stages.closed


def test_a_shadow_that_waits_for_quiet_ends_at_once() -> None:
    stages = Held()
    shadow = Shadow(stages, "held", share=1.0)
    shadow.start(Metrics(queued=lambda: 0.0, ready=lambda: 1.0), busy=lambda: True)
    shadow.offer(["Paris"] * 3, [[]] * 3, ENTITIES, 0.1)
    assert shadow.close(TIMEOUT)
    assert stages.closed
    assert not stages.begun.is_set()
