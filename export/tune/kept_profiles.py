"""Profiles of the bundle that an export replaces: those that hold for the new one too, and what becomes of the others.

A profile took minutes of measuring. It is about the candidate's bytes, so it holds where these are the same.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

from export.tune.wish import accuracy_of
from runtime.bundle.manifest import Manifest
from runtime.bundle.profile import RunProfile
from runtime.screen.display import note

# Option of export.tune -> the bound in RunProfile.wanted, and its unit.
_OPTIONS = (
    ("--p99", "p99_ms", "ms"),
    ("--at", "texts_per_second", "/s"),
    ("--f1-floor", "f1", ""),
    ("--memory", "memory_bytes", "B"),
)


def kept_profiles(before: Manifest, now: Manifest, *, bundle: str) -> tuple[RunProfile, ...]:
    """The profiles that hold for the new manifest; of each other one a person is told, and how to make it again.

    Args:
        before, now: manifests of the bundle that is replaced and of the new one.
        bundle: the folder of both, for the command that makes a profile again.
    """
    lost = {profile.name: reason for profile in before.profiles if (reason := _lost(profile, before, now))}
    for profile in before.profiles:
        if profile.name in lost:
            note(f"profile {profile.name} is dropped: {lost[profile.name]}; again: {command_of(profile, bundle)}")
    measured = {one.candidate: one.measured for one in now.certificates if one.passed}
    return tuple(
        replace(profile, measured={**profile.measured, **accuracy_of(measured[profile.candidate])})
        for profile in before.profiles
        if profile.name not in lost
    )


def command_of(profile: RunProfile, bundle: str) -> str:
    """The command that searches for a profile once more. The texts that it was tried on are not part of a bundle."""
    wanted = [(option, profile.wanted.get(name), unit) for option, name, unit in _OPTIONS]
    bounds = [f"{option} {_plain(value)}{unit}" for option, value, unit in wanted if value]
    asked = [f"--goal {profile.goal}", *bounds, f"--profile {profile.name}"]
    return f"python -m export.tune {shlex.quote(bundle)} {' '.join(asked)}"


def _plain(value: float) -> str:
    """Without an exponent, which the options do not take."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _lost(profile: RunProfile, before: Manifest, now: Manifest) -> str:
    """Why a profile does not hold any more; empty where it does."""
    certified = {one.candidate: one for one in now.certificates if one.passed}
    old = next((one for one in before.certificates if one.candidate == profile.candidate), None)
    new = certified.get(profile.candidate)
    if new is None:
        return f"{profile.candidate} is not certified any more"
    if old is None or old.files != new.files:
        return f"the files of {profile.candidate} are others"
    # Other row lengths than the certificate's are not served.
    if profile.lengths and profile.lengths != new.rows:
        return "its row lengths are not certified any more"
    f1, floor = new.measured.get("candidate_f1"), profile.wanted.get("f1")
    if floor and (f1 is None or f1 < floor):
        return f"its F1 is not {floor:g} on the text of the new certificate"
    return ""
