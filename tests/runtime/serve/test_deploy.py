"""What operators are given: the dashboard, the image's recipe, the manifest and the unit name what there is."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runtime.serve.options import parse
from tests.conftest import ROOT
from tests.runtime.serve.running import Server

PAGE = ROOT / "docs" / "serve.md"


def test_every_query_of_the_dashboard_names_a_metric_that_there_is(server: Server) -> None:
    server.tag("Angela")
    shown = server.get("/metrics").text
    there = set(re.findall(r"^# TYPE (\w+) ", shown, re.MULTILINE)) | set(
        re.findall(r"^(ner_\w+)[{ ]", shown, re.MULTILINE)
    )
    board = json.loads((ROOT / "docs" / "grafana.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    queries += [variable["query"] for variable in board["templating"]["list"]]
    named = {name for query in queries for name in re.findall(r"\bner_\w+", query)}
    assert len(named) >= 15
    assert {name.removesuffix("_bucket") for name in named} <= there


def test_what_the_image_copies_and_runs_is_there() -> None:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line.strip() and not line.startswith("#")]
    copied = [part for name, rest in steps if name == "COPY" and "--from" not in rest for part in rest.split()[:-1]]
    assert "runtime" in copied
    assert all((ROOT / part).exists() for part in copied)
    locks = re.findall(r"--require-hashes .*?-r (\S+)", " ".join(rest for _, rest in steps))
    assert locks == ["lock/build.txt", "lock/serve.txt"]
    assert all((ROOT / lock).is_file() for lock in locks)
    by_name = {name: rest for name, rest in steps if name in ("ENTRYPOINT", "CMD", "USER")}
    assert json.loads(by_name["ENTRYPOINT"]) == ["python", "-m", "runtime.serve"]
    assert parse(json.loads(by_name["CMD"])).host == "0.0.0.0"
    assert int(by_name["USER"]) > 0


def _block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_manifest_asks_routes_and_options_that_there_are(server: Server) -> None:
    deployment = yaml.safe_load(_block("yaml"))
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    asked = parse(container["args"])
    probes = [container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert {probe["port"] for probe in probes} == {asked.port}
    assert all(server.get(probe["path"]).status_code == 200 for probe in probes)
    # preStop, notice and drain fit into the grace that Kubernetes gives.
    assert 3 + asked.drain_notice + asked.drain_seconds < pod["terminationGracePeriodSeconds"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "nerve.service"
    unit.write_text(_block("ini").replace("/opt/nerve/bin/python", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    # It names what it does not know, and goes on, with status 0.
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_the_wheel_of_the_image_needs_no_other_folder() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    copied = {part.strip("./") for line in lines.splitlines() if line.startswith("COPY") for part in line.split()[1:-1]}
    imported = {
        name
        for path in (ROOT / "runtime").rglob("*.py")
        for name in re.findall(r"^\s*(?:from|import) (train|export|bench|tests)\b", path.read_text(), re.MULTILINE)
    }
    assert imported <= copied


def test_the_unit_starts_the_server() -> None:
    start = re.search(r"^ExecStart=(.*)$", _block("ini"), re.MULTILINE)
    assert start
    arguments = shlex.split(start[1])
    assert arguments[1:3] == ["-m", "runtime.serve"]
    assert parse(arguments[3:]).api_key_file == Path("%d/api-key")
