"""The machine, and what ran on it, in a few lines for a report."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measure.machine import arithmetic_flags
from bench.schema.result import Result


def machine_lines(result: Result) -> list[str]:
    """Return lines about the CPU, GPU, rooflines, libraries, commit, bundle and workloads."""
    machine = result.machine
    memory = machine["memory_bytes"] / 2**30
    commit = machine["commit"][:12] + (" with changes" if machine["commit_changed"] else "")
    libraries = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return [
        f"CPU: {machine['cpu']}, {machine['cores']} cores, {result.threads} used; {memory:.0f} GiB"
        + ("; a virtual machine" if machine["virtual"] else ""),
        f"CPU flags: {' '.join(arithmetic_flags(machine))}",
        f"Governor: {machine['governor']}; load average before {_load(machine['load_average'])}, "
        f"after {_load(machine['load_average_after'])}; GPU: {', '.join(machine['gpu']) or 'none'}",
        f"Matrix multiplication, G operations a second: {_rooflines(result)}",
        f"Python {machine['python']}, {libraries}",
        f"Commit {commit}; bundle {result.bundle['manifest_sha256'][:12] or 'none'}; "
        f"checkpoint {result.checkpoint['name']} "
        f"{result.checkpoint['sha256'][:12]} ({result.checkpoint['architecture']})",
        f"Benchmark: {'quick' if result.quick else 'full'}, {result.seconds / 60:.1f} minutes",
        *(
            f"Workload {one.name}: {one.texts:,} texts, sha256 {one.sha256[:12]}, seed {one.seed}"
            for one in result.workloads
        ),
    ]


def _rooflines(result: Result) -> str:
    # Of the first workload: the rooflines of the others are of the same machine.
    found = [f"{name} {one.median / 1e9:,.0f}" for work in result.workloads[:1] for name, one in work.rooflines.items()]
    return ", ".join(found) or "not measured"


def _load(averages: Sequence[float]) -> str:
    return " ".join(f"{one:.2f}" for one in averages) or "unknown"
