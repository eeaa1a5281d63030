"""Parts of a run, each kept as a file as soon as it is measured, so that a run that was cut short can go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.errors import UsageError
from runtime.system.files import write_atomically

_PLAN = "plan.json"


class Parts:
    """See the module.

    Args:
        folder: of the files; what is in it is of an earlier run.
        plan: what is measured, and on what. Parts of a run with another plan are thrown away.
        resume: take what the earlier run has measured; otherwise all is measured anew.

    Raises:
        UsageError: the folder holds something else.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any], *, resume: bool) -> None:
        self._folder = folder
        said = json.dumps(plan, sort_keys=True, indent=1) + "\n"
        kept = folder / _PLAN
        if not kept.is_file() and folder.is_dir() and any(folder.iterdir()):
            raise UsageError(str(folder), "it is not a folder of an earlier run's parts", "choose another --output")
        if kept.is_file() and not (resume and kept.read_text(encoding="utf-8") == said):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, said.encode())

    def take(self, name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The part of that name, measured if it is not there."""
        file = self._folder / f"{name}.json"
        if file.is_file():
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return found
        found = measure()
        write_atomically(file, json.dumps(found).encode())
        return found
