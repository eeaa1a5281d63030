"""All servers in turn, round by round, in each setting; what was measured is kept as it comes.

shared    server and client may use all CPUs
split     servers have the first half of the CPUs, the client has the others, and the Tagger that servers are
          compared with has the servers' alone
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bench.serve.cores import Cores, shared_cores, split_cores
from bench.serve.measure import Plan, measure, measure_tagger
from bench.serve.parts import Parts
from bench.serve.servers import Server
from bench.serve.texts import Texts

SettingName = Literal["shared", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """See the module.

    Attributes:
        name: of the setting.
        cores: who may use which CPUs.
        threads: that servers and the Tagger are told; at most as many as they have CPUs.
        servers: all that are asked for.
        plan: what is measured of each.
    """

    name: SettingName
    cores: Cores
    threads: int
    servers: Sequence[Server]
    plan: Plan


def settings_here(plan: Plan) -> list[tuple[SettingName, Cores, Plan]]:
    """The settings that this machine can have; servers on CPUs of their own have closed loops alone."""
    made: list[tuple[SettingName, Cores, Plan]] = [("shared", shared_cores(), plan)]
    if cores := split_cores():
        made.append(("split", cores, replace(plan, loads=())))
    return made


def run(settings: Sequence[Setting], texts: Texts, parts: Parts, *, bundle: Path, output: Path) -> dict[str, Any]:
    """The rounds of each setting, by its name; the Tagger takes its turn in each, so that a slow minute meets all."""
    found: dict[str, Any] = {
        setting.name: {"threads": setting.threads, "rounds": [], "seconds": setting.plan.seconds}
        for setting in settings
    }
    for number in range(max(setting.plan.rounds for setting in settings)):
        for setting in settings:
            found[setting.name]["rounds"].append(_round(number, setting, texts, parts, bundle, output))
    return found


def _round(number: int, setting: Setting, texts: Texts, parts: Parts, bundle: Path, output: Path) -> dict[str, Any]:
    """One turn of every server that can run here, and of the Tagger; every other round goes the other way round."""
    able = [server for server in setting.servers if not server.missing]
    place = f"{number}-{setting.name}"
    servers = {}
    for server in able if number % 2 == 0 else able[::-1]:
        turn = partial(measure, server, texts, setting.plan, output / f"{server.name}.log", setting.cores)
        servers[server.name] = parts.take(f"{place}-{server.name}", turn)
    turn = partial(measure_tagger, bundle, texts, setting.cores, threads=setting.threads)
    tagger = parts.take(f"{place}-tagger", turn)
    return {"tagger": tagger, "servers": {server.name: servers[server.name] for server in able}}
