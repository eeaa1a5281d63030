"""The process that measures the roofline in the same rounds as the systems are measured in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.measure import roofline
from bench.measure.jobs import open_system
from bench.measure.process import JobRunner
from bench.measure.roofline import Shape
from bench.schema.result import Roofline
from bench.systems.base import Failure, Setting, System

ROOFLINE = "roofline"
_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class RooflineProbe:
    """The roofline's share of the rounds.

    Attributes:
        runner: its process; none where no library here can multiply. Then there are no runs, and no rooflines.
        library, shapes: what multiplies, and the shape that each precision multiplies fastest. Asked for at the start:
            at the end the time may be over.
    """

    runner: JobRunner | None
    library: str = ""
    shapes: Mapping[str, Shape] = field(default_factory=dict)

    def runs(self) -> dict[str, Callable[[], Mapping[str, float]]]:
        """Return its run in each round, under the name ROOFLINE."""
        runner = self.runner
        return {} if runner is None else {ROOFLINE: lambda: runner.call(roofline.rates, _SECONDS)}

    def rooflines(self, rates: Sequence[Mapping[str, float]]) -> dict[str, Roofline]:
        """Return the roofline of each precision from what its runs gave."""
        if self.runner is None or not rates:
            return {}
        # The shapes were chosen when the matrices were opened; each precision may have another one.
        by_precision = {name: [one[name] for one in rates] for name in self.shapes}
        return {
            name: Roofline(list(self.shapes[name]), self.library, found, median(found))
            for name, found in by_precision.items()
        }

    def close(self) -> None:
        """End its process."""
        if self.runner is not None:
            self.runner.close()


def open_probe(
    start: Callable[[int], JobRunner], opener: Callable[[Setting], System], *, threads: int, notes: list[str]
) -> RooflineProbe:
    """Start its process. What prevents that becomes a note, since a result without rooflines is still a result."""
    # A process like any system's, so that it gets the same CPUs and no system shares its threads.
    runner = start(threads)
    try:
        runner.call(open_system, opener, Setting(1, 1, threads))
        library, shapes = runner.call(roofline.describe)
    except Failure as failure:
        notes.append(f"the machine's matrix-multiplication rate was not measured ({failure})")
        runner.close()
        return RooflineProbe(None)
    return RooflineProbe(runner, library, shapes)
