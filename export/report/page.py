"""report.html: one page of all that is known of a bundle, for a light or a dark screen and for paper.

It is one file, without scripts, fonts or links to other files, so that it can be sent and kept.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

from export.report.facts import NAME, Facts
from export.report.pictures import Bar, bars


def page_of(facts: Facts) -> str:
    """The page."""
    style = files("export.report").joinpath("report.css").read_text(encoding="utf-8")
    title = f"Export of {facts['checkpoint']['name']}"
    parts = [
        f"<h1>{_text(title)}</h1>",
        _summary(facts),
        "<h2>Candidates</h2>",
        _candidates(facts),
        *_pictures(facts),
        *_profiles(facts),
        "<h2>Certificates</h2>",
        *(_certificate(each) for each in facts["certificates"]),
        "<h2>What is in the graphs</h2>",
        *(_attestation(each) for each in facts["attestations"]),
        *_readings(facts),
        "<h2>How it was made</h2>",
        _stages(facts),
        "<h2>Files and libraries</h2>",
        _files(facts),
    ]
    head = '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    named = f"<title>{_text(title)}</title>\n<style>\n{style}</style>"
    body = "\n".join(parts)
    mark = f"<!-- {NAME} of manifest {facts['manifest_sha256']} -->"
    return (
        f'<!DOCTYPE html>\n{mark}\n<html lang="en">\n<head>\n{head}{named}\n</head>\n<body>\n{body}\n</body>\n</html>\n'
    )


def _summary(facts: Facts) -> str:
    kept = [row for row in facts["candidates"] if row["kept"]]
    default = next((row for row in kept if row["is_default"]), None)
    said = f"{len(kept)} of {len(facts['candidates'])} candidates were kept"
    if default:
        speed = default["times_pytorch"]
        times = f", {speed:.1f} times as fast as the checkpoint in PyTorch" if speed else ""
        said += f"; on this machine the runtime takes {_name(default)}{times}"
    return f"<p>{_text(said)}.</p>\n<p>Labels: {_text(', '.join(facts['labels']))}.</p>"


def _name(row: Facts) -> str:
    one = row["candidate"]
    return f"{one['file'].removesuffix('.onnx')} on {one['backend']} in {one['precision']}, {one['device']}"


def _kind(row: Facts) -> str:
    return "kept" if row["kept"] else "out"


def _candidates(facts: Facts) -> str:
    heads = ("candidate", "MACs in its precision", "changed in 10,000", "95% bound", "F1", "times PyTorch", "verdict")
    rows = [
        (
            _name(row),
            _number(row["macs"], ".1%"),
            _number(row["changed_per_10k"], ".2f"),
            _number(row["changed_per_10k_upper"], ".2f"),
            _number(row["candidate_f1"], ".4f"),
            _number(row["times_pytorch"], ".2f"),
            row["reason"] if row["kept"] else f"left out: {row['reason']}",
        )
        for row in facts["candidates"]
    ]
    return _table(heads, rows, kinds=[_kind(row) for row in facts["candidates"]])


def _pictures(facts: Facts) -> list[str]:
    rows = facts["candidates"]
    speeds = [
        Bar(
            _name(row), row["times_pytorch"], f"{row['times_pytorch']:.1f} times", kind="kept" if row["kept"] else "out"
        )
        for row in rows
        if row["times_pytorch"]
    ]
    changed = [
        Bar(
            _name(row),
            row["changed_per_10k"],
            f"{row['changed_per_10k']:.1f}, at most {row['changed_per_10k_upper']:.1f}",
            mark=row["changed_per_10k_upper"],
            kind=_kind(row),
        )
        for row in rows
        if row["changed_per_10k"] is not None and row["changed_per_10k_upper"] is not None
    ]
    reference = [Bar("checkpoint in PyTorch, fp32", 1.0, "1", kind="reference")] if speeds else []
    drawn = (("Speed over PyTorch", speeds + reference), ("Changed labels in 10,000, and its 95% bound", changed))
    return [
        f"<figure>\n<figcaption>{title}</figcaption>\n{bars(title, each)}\n</figure>" for title, each in drawn if each
    ]


def _certificate(one: Facts) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in one["versions"].items())
    bounds = [
        (
            bound["text"],
            _number(bound["measured"], ".3g"),
            f"{'≥' if bound['at_least'] else '≤'} {bound['limit']:g}",
            "holds" if bound["holds"] else "does not hold",
        )
        for bound in one["gate"]
    ]
    figures = [(name.replace("_", " "), _number(value, ".6g")) for name, value in sorted(one["measured"].items())]
    lacks = one["full_evidence_lacks"]
    grade = f"<p>Limited evidence: {_text(', '.join(lacks))}.</p>\n" if lacks else ""
    entities = ", ".join(f"{count:,} {name}" for name, count in one["entities"].items())
    on = f"Measured on {one['corpus']} ({entities or 'no entities'}) with {libraries}."
    name = f"{one['file']} on {one['backend']} in {one['precision']}, {one['device']}"
    return (
        f"<details>\n<summary>{_text(name)}</summary>\n<p>{_text(on)}</p>\n{grade}"
        f"{_table(('limit of the gate', 'measured', 'limit', ''), bounds)}\n"
        f"{_table(('figure', 'measured', '', ''), figures)}\n</details>"
    )


def _attestation(one: Facts) -> str:
    where = f"{one['file']} on {one['backend']}" if one["backend"] else one["file"]
    shares = ", ".join(f"{share:.1%} of MACs in {name}" for name, share in one["shares"].items())
    fused = f"{one['fused_attention']} of {one['attention']} attention blocks fused"
    kept = [
        (
            each["name"],
            f"{each['macs'] * one['rows'] * one['length'] / one['macs']:.1%}",
            f"{each['changed_before']:.1f} to {each['changed_after']:.1f}" if each["changed_before"] else "-",
            each["reason"],
        )
        for each in one["kept"]
    ]
    heads = ("kept in higher precision", "of the MACs", "changed in 10,000", "why")
    below = _table(heads, kept) if kept else ""
    operators = ", ".join(f"{count} {name}" for name, count in sorted(one["operators"].items()))
    return (
        f"<details>\n<summary>{_text(where)}: {_text(shares)}</summary>\n"
        f"<p>{_text(fused)}. Operators: {_text(operators)}.</p>\n{below}\n</details>"
    )


def _profiles(facts: Facts) -> list[str]:
    """What each is to keep, what it came to, and how it runs."""
    if not facts["profiles"]:
        return []
    rows = [
        (
            one["name"],
            _name(one),
            f"{one['streams']} x {one['threads'] // one['streams']}, {one['slots']} slots",
            _figures(one["wanted"]) or one["goal"],
            _figures(one["measured"]),
            one["machine"],
        )
        for one in facts["profiles"]
    ]
    heads = ("profile", "candidate", "calls x threads", "to keep", "measured", "on")
    return ["<h2>Profiles</h2>", _table(heads, rows)]


def _figures(named: Facts) -> str:
    known = {name: value for name, value in named.items() if value is not None}
    return ", ".join(
        f"memory {value / 2**20:,.0f} MiB" if name == "memory_bytes" else f"{name.replace('_', ' ')} {value:,.6g}"
        for name, value in known.items()
    )


def _readings(facts: Facts) -> list[str]:
    if not facts["readings"]:
        return []
    rows = [
        (
            each["policy"],
            str(each["context"] or "-"),
            f"{each['f1']:.4f}",
            f"{each['tokens_per_second']:,.0f}",
            "the default" if each["is_default"] else "",
        )
        for each in facts["readings"]
    ]
    heads = ("policy", "tokens of context", "F1", "tokens a second", "")
    return ["<h2>Reading long texts</h2>", _table(heads, rows)]


def _stages(facts: Facts) -> str:
    rows = [
        (
            each["name"],
            f"{each['seconds']:.1f} s",
            f"{each['cpu_seconds']:.1f} s",
            f"{each['peak_bytes'] / 2**20:,.0f} MiB",
            each["remark"],
        )
        for each in facts["stages"]
    ]
    told = [line for each in facts["stages"] for line in each["details"]]
    items = "".join(f"<li>{_text(line)}</li>" for line in told)
    details = f"\n<details>\n<summary>Details</summary>\n<ul>{items}</ul>\n</details>" if told else ""
    return _table(("stage", "time", "CPU time", "memory so far, at most", ""), rows) + details


def _files(facts: Facts) -> str:
    rows = [(name, f"{one['bytes']:,}", one["sha256"]) for name, one in facts["files"].items()]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    speeds = sorted({each["machine"] for each in facts["speeds"]})
    machine = f"<p>Speeds were measured on {_text('; '.join(speeds))}.</p>\n" if speeds else ""
    return f"{machine}<p>{_text(versions)}.</p>\n{_table(('file', 'bytes', 'sha256'), rows)}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, kinds: Sequence[str] = ()) -> str:
    """A table that scrolls by itself where it is wider than the page."""
    head = "".join(f"<th>{_text(each)}</th>" for each in heads)
    body = "\n".join(
        f'<tr class="{kinds[index] if kinds else ""}">' + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"
        for index, row in enumerate(rows)
    )
    return f'<div class="wide"><table>\n<tr>{head}</tr>\n{body}\n</table></div>'


def _number(value: Any, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"


def _text(value: str) -> str:
    return html.escape(value)
