"""The command-line reference says what the commands say, and names every command that there is."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "command-line.md"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = spec_from_file_location("write_command_line", ROOT / "docs" / "write_command_line.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its help otherwise in other versions")
def test_the_page_is_what_the_commands_say(writer: ModuleType) -> None:
    assert PAGE.read_text(encoding="utf-8") == writer.page(), "run `python docs/write_command_line.py`"


def test_every_command_is_on_the_page(writer: ModuleType) -> None:
    mains = [path for stage in ("runtime", "train", "export", "bench") for path in (ROOT / stage).rglob("*.py")]
    said = "".join(path.read_text(encoding="utf-8") for path in mains)
    programs = set(re.findall(r'^PROG = "python -m ([\w.]+)"', said, re.MULTILINE))
    assert len(programs) >= 7
    assert programs <= {command.split()[0] for command in writer.COMMANDS}
