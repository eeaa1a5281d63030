"""Profiles of a manifest are held against its files and against what a machine can have, to the last number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runtime.bundle.certificate import Candidate
from runtime.bundle.profile import RunProfile, check_lengths, check_profiles, is_profile_name
from runtime.bundle.schema import SchemaError

FILE = "packed-int8.onnx"
PROFILE = RunProfile("news-2", Candidate(FILE, "openvino", "int8", "cpu"), "latency", 4, 2, 256, (16, 32))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"name": "a" * 40},
        {"name": "9"},
        {"streams": 4},
        {"streams": 1, "threads": 1},
        {"threads": 4096, "streams": 4096},
        {"slots": 1},
        {"slots": 1 << 20},
        {"lengths": ()},
        {"lengths": (1, 1 << 20)},
        {"lengths": tuple(range(1, 17))},
    ],
)
def test_a_profile_of_use(change: dict[str, Any]) -> None:
    check_profiles([replace(PROFILE, **change), replace(PROFILE, name="other")], [FILE])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "a" * 41}, f"profiles.{'a' * 40}: no plain name"),
        ({"name": "News"}, "profiles.News: no plain name"),
        ({"name": "-news"}, "profiles.-news: no plain name"),
        ({"name": "news\n"}, "profiles.news\n: no plain name"),
        ({"streams": 0}, "profiles.news-2: 0 streams of 4 threads"),
        ({"streams": 5}, "profiles.news-2: 5 streams of 4 threads"),
        ({"threads": 4097}, "profiles.news-2: 2 streams of 4097 threads"),
        ({"slots": 0}, "profiles.news-2: 0 token slots"),
        ({"slots": (1 << 20) + 1}, "profiles.news-2: 1,048,577 token slots"),
        ({"lengths": (32, 16)}, "profiles.news-2: row lengths that do not rise"),
        ({"candidate": replace(PROFILE.candidate, file="other")}, "profiles.news-2: 'other' is neither a graph nor"),
    ],
)
def test_a_profile_of_no_use_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_profiles([replace(PROFILE, **change)], [FILE])
    assert str(caught.value).startswith(told)


def test_what_a_profile_does_not_say() -> None:
    bare = RunProfile("news", PROFILE.candidate, "latency", 4, 2, 256)
    assert (bare.lengths, bare.machine, bare.wanted, bare.measured) == ((), "", {}, {})


def test_two_profiles_have_two_names() -> None:
    with pytest.raises(SchemaError, match=r"^profiles: two of one name$"):
        check_profiles([PROFILE, replace(PROFILE, slots=512)], [FILE])
    assert is_profile_name("a-1")
    assert not is_profile_name("a 1")


@pytest.mark.parametrize("lengths", [(16, 16), (0, 1), ((1 << 20) + 1,), tuple(range(1, 18))])
def test_row_lengths_that_no_graph_is_compiled_for(lengths: tuple[int, ...]) -> None:
    with pytest.raises(SchemaError, match=r"^here: row lengths that do not rise$"):
        check_lengths(lengths, "here")
