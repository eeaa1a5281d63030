"""What a user wants of a profile, which trials fulfil it, and which of two trials is the better one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from export.tune.trial import Trial
from runtime.bundle.profile import Figures, RunProfile
from runtime.bundle.store import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a profile is for.

    Attributes:
        goal: many texts, or each single one.
        p99_ms: most milliseconds from due to answered for 99 of 100 texts; 0: no bound.
        rate: texts a second that come; 0: one after the other, or all at once.
        f1: least F1 of the candidate's certificate; 0: no bound.
        memory_bytes: most memory of the process; 0: no bound.
    """

    goal: Literal["throughput", "latency"]
    p99_ms: float = 0.0
    rate: float = 0.0
    f1: float = 0.0
    memory_bytes: int = 0

    def figures(self) -> Figures:
        """The bounds that there are, as a profile keeps them."""
        named = {"p99_ms": self.p99_ms, "texts_per_second": self.rate, "f1": self.f1, "memory_bytes": self.memory_bytes}
        return {name: value for name, value in named.items() if value}

    def fulfilled(self, trial: Trial) -> bool:
        """Whether a trial keeps the bounds."""
        in_time = not trial.saturated and (not self.p99_ms or trial.p99_ms <= self.p99_ms)
        return in_time and (not self.memory_bytes or trial.memory_bytes <= self.memory_bytes)

    def rank(self, profile: RunProfile, trial: Trial) -> tuple[float, ...]:
        """Smaller is better: first who keeps the bounds; among these who costs least, else who is fastest."""
        speed = -trial.texts_per_second if self.goal == "throughput" and not self.rate else trial.p99_ms
        if not self.fulfilled(trial):
            return (1.0, trial.p99_ms if self.p99_ms else speed)
        if self.p99_ms:
            # Whoever is in time is fast enough: cores count, and then memory.
            return (0.0, profile.threads, trial.memory_bytes, speed)
        return (0.0, trial.p50_ms if self.goal == "latency" else speed, trial.memory_bytes)


def accuracy(bundle: Bundle, profile: RunProfile) -> Figures:
    """Changed labels in 10,000 and F1, by the certificate of the profile's candidate."""
    for certificate in bundle.manifest.certificates:
        if certificate.candidate == profile.candidate:
            return accuracy_of(certificate.measured)
    return accuracy_of({})


def accuracy_of(measured: Mapping[str, float | int | None]) -> Figures:
    """The two figures of a certificate that a profile repeats."""
    return {"changed_per_10k": measured.get("changed_per_10k"), "f1": measured.get("candidate_f1")}
