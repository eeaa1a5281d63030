"""A second bundle beside the first: what it would have answered otherwise, and that nobody waits for it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.lookup import lookup_bundle
from tests.runtime.serve.running import TIMEOUT, Server

# As WORDS of the bundle that is served, but that Oslo is not known.
OTHER = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC"}


def _report(server: Server, texts: int) -> dict[str, Any]:
    """The shadow's report once it has seen so many texts."""
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        report: dict[str, Any] = server.get("/shadow").json()
        if report["texts"] >= texts:
            return report
        time.sleep(0.05)
    pytest.fail(f"the shadow saw {report['texts']} texts")


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
