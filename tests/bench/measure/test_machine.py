"""Facts about the machine, and that none of them says whose it is."""

from __future__ import annotations

import getpass
import json
import platform
import re

from bench.measure.machine import arithmetic_flags, available_memory, machine_facts, versions


def test_facts_are_there_and_say_nothing_of_whose_machine_it_is() -> None:
    facts = machine_facts()
    assert facts["cores_usable"] >= 1
    assert facts["memory_bytes"] > available_memory() > 0
    assert "numpy" in facts["versions"]
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", facts["commit"])
    values = json.dumps({name: value for name, value in facts.items() if name != "flags"})
    assert "/home/" not in values
    assert f'"{platform.node()}"' not in values
    assert f'"{getpass.getuser()}"' not in values


def test_arithmetic_flags_are_picked_out() -> None:
    machine = {"flags": ["fpu", "avx2", "avx512_vnni", "amx_int8", "hypervisor", "i8mm"]}
    assert arithmetic_flags(machine) == ["avx2", "avx512_vnni", "amx_int8", "i8mm"]


def test_a_library_that_is_not_installed_has_no_version() -> None:
    assert set(versions(("numpy", "no-such-library"))) == {"numpy"}
