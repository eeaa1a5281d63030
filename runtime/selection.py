"""The choice of a candidate: what a bundle offers, what this machine can run, and the fastest certified one of these.

The module opens no backend and knows no library: each BackendSpec (runtime.backends.base) says what it can run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from runtime.backends.base import Goal, Obstacle, no_gpu
from runtime.backends.registry import backend_names, spec_of, specs, version_of
from runtime.bundle.certificate import ANY, AUTO, Candidate, Wanted
from runtime.bundle.profile import RunProfile
from runtime.bundle.store import Bundle
from runtime.errors import BackendError, BugError, BundleError, UncertifiedError, UsageError
from runtime.system.machine import THIS_MACHINE, Machine

PYTORCH = Candidate("", "pytorch", "fp32", "cpu")
"""The checkpoint itself. It is the slow reference, so it runs only where its backend is asked for by name."""

Choice = Candidate | Wanted | Literal["auto"]
"""A Candidate; a Wanted, which leaves some of it open; or "auto": the fastest certified one that can run here."""


def candidates(bundle: Bundle) -> list[Candidate]:
    """All candidates of a bundle, for any machine. The order is that of preference where no speed was measured."""
    return [candidate for spec in specs() for candidate in spec.candidates(bundle)]


def runnable(bundle: Bundle, here: Machine = THIS_MACHINE) -> list[Candidate]:
    """The candidates that this machine can run: their backend is installed, and the CPU or GPU suits them."""
    return [candidate for candidate in candidates(bundle) if not obstacle_of(bundle, candidate, here)]


def choose(
    bundle: Bundle,
    wanted: Choice = AUTO,
    *,
    certified: bool = True,
    goal: Goal = "throughput",
    here: Machine = THIS_MACHINE,
) -> Candidate:
    """The fastest certified candidate that this machine can run, by the speeds in the bundle's manifest.

    Args:
        bundle: holds the candidates.
        wanted: see Choice.
        certified: leave out candidates without a passing certificate for this CPU and the installed library.
        goal: "once" means a few texts, the start included. A GPU takes seconds to start, so it is then chosen only
            where it is asked for or nothing else can run. "latency" goes by the time of a single text.
        here: the machine.

    Raises:
        BundleError: the bundle has no such candidate; the message lists those that it has.
        BackendError: the backend is unknown or not installed, there is no GPU, or the CPU lacks the precision.
        UncertifiedError: no candidate that can run has a passing certificate.
    """
    asked = as_wanted(wanted)
    # The bundle lists no candidate for the checkpoint, which lies outside of it.
    if asked.backend == PYTORCH.backend:
        return _pytorch(asked, bundle, here)
    offered = _offered(bundle, asked)
    able = [one for one in offered if not obstacle_of(bundle, one, here)]
    if not able:
        raise _not_able(bundle, offered[0], here)
    return fastest(bundle, _certified(bundle, able, here) if certified else able, goal=goal)


def of_profile(profile: RunProfile, wanted: Choice) -> Candidate:
    """The profile's candidate.

    Raises:
        UsageError: something else is wanted as well.
        BackendError: see as_wanted.
    """
    if as_wanted(wanted).matches(profile.candidate):
        return profile.candidate
    problem = f"it runs {profile.candidate}, and {as_wanted(wanted)} is asked for"
    raise UsageError(f"profile {profile.name!r}", problem, "leave one of the two out")


def as_wanted(choice: Choice) -> Wanted:
    """The choice as a Wanted.

    Raises:
        BackendError: the choice is none of the three kinds.
    """
    if isinstance(choice, Wanted):
        return choice
    if isinstance(choice, Candidate):
        return Wanted(backend=choice.backend, precision=choice.precision, device=choice.device, file=choice.file)
    if choice != AUTO:
        raise BackendError(f"candidate {choice!r}", "unknown", "give a Candidate, a Wanted, or 'auto'")
    return ANY


def describe(
    bundle: Bundle,
    candidate: Candidate,
    wanted: Choice = AUTO,
    here: Machine = THIS_MACHINE,
    *,
    goal: Goal = "throughput",
) -> str:
    """One line for people: the candidate, its measured speed, and a faster one whose certificate is void here.

    Args:
        bundle, candidate: the choice.
        wanted: what was asked for; only candidates that match it are named as faster.
        here: the machine.
        goal: with "latency", the speed is that of a single text.
    """
    speeds = {speed.candidate: speed for speed in bundle.manifest.speeds}
    if candidate not in speeds:
        return f"{candidate}, speed not measured"
    measured = speeds[candidate]
    said = f"{candidate}, {measured.tokens_per_second:,.0f} tokens a second when measured on {measured.machine}"
    if goal == "latency" and measured.one_text.p50_ms:
        said = f"{candidate}, {measured.one_text.p50_ms:.2f} ms a text when measured on {measured.machine}"
    asked = as_wanted(wanted)
    passed = [each.candidate for each in bundle.manifest.certificates if each.passed]
    # Speeds of a CPU and a GPU were measured on different machines and do not compare.
    same_device = [one for one in passed if one.device == candidate.device and asked.matches(one)]
    faster = [one for one in same_device if _is_faster(bundle, one, candidate, goal)]
    refusals = (refusal_of(bundle, one, here) for one in faster if not obstacle_of(bundle, one, here))
    refusal = next((error for error in refusals if error), None)
    return f"{said}; faster, but left out: {refusal}" if refusal else said


def obstacle_of(bundle: Bundle, candidate: Candidate, here: Machine = THIS_MACHINE) -> Obstacle | None:
    """The reason why this machine cannot run a candidate; None where it can."""
    return spec_of(candidate).obstacle(bundle, candidate, here)


def refusal_of(bundle: Bundle, candidate: Candidate, here: Machine = THIS_MACHINE) -> UncertifiedError | None:
    """The reason why no certificate holds for the candidate on this machine; None where one does."""
    try:
        certificate = bundle.certificate(candidate)
        certificate.check_cpu(here.cpu_features())
        certificate.check_version(candidate.backend, version_of(candidate, here))
    except UncertifiedError as error:
        return error
    return None


def fastest(bundle: Bundle, able: Sequence[Candidate], *, goal: Goal = "throughput") -> Candidate:
    """The fastest of the given candidates, of which there is at least one; see `choose` for `goal`."""
    on_cpu = [one for one in able if one.device == "cpu"]
    single = {one: bundle.one_text(one).p50_ms for one in able}
    if goal == "latency" and any(single.values()):
        return min((one for one in able if single[one]), key=lambda one: single[one])
    # max() keeps the first of equals. Without measured speeds all are equal, and the order is that of preference.
    return max((goal == "once" and on_cpu) or able, key=bundle.speed)


def _is_faster(bundle: Bundle, one: Candidate, other: Candidate, goal: Goal) -> bool:
    """Whether one candidate is faster than another by what `fastest` goes by."""
    times = bundle.one_text(one).p50_ms, bundle.one_text(other).p50_ms
    if goal == "latency" and all(times):
        return times[0] < times[1]
    return bundle.speed(one) > bundle.speed(other)


def _offered(bundle: Bundle, wanted: Wanted) -> list[Candidate]:
    """The bundle's candidates that match what is wanted: at least one, or BackendError or BundleError."""
    if wanted.backend not in (AUTO, *backend_names()):
        known = ", ".join((AUTO, *backend_names()))
        raise BackendError(f"backend {wanted.backend!r}", "unknown", f"choose one of {known}")
    every = candidates(bundle)
    if offered := [one for one in every if wanted.matches(one)]:
        return offered
    # Each holds a comma of its own: "padded-fp32.onnx on onnxruntime in fp32, cpu".
    held = "; ".join(map(str, every)) or "none"
    raise BundleError(str(bundle.path), f"no candidate {wanted} (it holds: {held})", "choose one of these")


def _not_able(bundle: Bundle, candidate: Candidate, here: Machine) -> BackendError:
    """The error that says why the machine cannot run the candidate."""
    # Without a GPU, the advice to install a library for one would lead nowhere.
    without_gpu = no_gpu(here) if candidate.device == "cuda" else None
    obstacle = without_gpu or obstacle_of(bundle, candidate, here)
    if not obstacle:
        raise BugError(f"{candidate} can run here, and was not chosen")
    return BackendError(f"backend {candidate.backend!r}", *obstacle)


def _certified(bundle: Bundle, able: Sequence[Candidate], here: Machine) -> list[Candidate]:
    """Those with a passing certificate for this CPU and library; where there are none, the error of the first one."""
    refusals = {candidate: refusal_of(bundle, candidate, here) for candidate in able}
    passed = [candidate for candidate, refusal in refusals.items() if not refusal]
    if not passed:
        # Why a certificate does not hold tells more than that another candidate has none.
        held = {one.candidate for one in (*bundle.manifest.certificates, *bundle.manifest.failed)}
        told = [refusal for candidate, refusal in refusals.items() if refusal and candidate in held]
        for refusal in (*told, *refusals.values()):
            if refusal:
                raise refusal
    return passed


def _pytorch(wanted: Wanted, bundle: Bundle, here: Machine) -> Candidate:
    """The reference; BackendError where something else than fp32 on the CPU is wanted of it, or torch is missing."""
    subject = f"backend {PYTORCH.backend!r}"
    if wanted.device not in (AUTO, PYTORCH.device):
        raise BackendError(subject, f"it runs on the CPU, not on {wanted.device}", "use another backend")
    if wanted.precision not in (AUTO, PYTORCH.precision):
        raise BackendError(subject, f"it runs fp32, not {wanted.precision}", "use another backend")
    if obstacle := obstacle_of(bundle, PYTORCH, here):
        raise BackendError(subject, *obstacle)
    return PYTORCH
