"""This machine answers as its parts do; files and libraries that are not there are not."""

from __future__ import annotations

import onnxruntime

from runtime.system.cpu import cpu_features
from runtime.system.gpu import gpu
from runtime.system.machine import THIS_MACHINE


def test_this_machine() -> None:
    assert THIS_MACHINE.cpu_features() == cpu_features()
    assert THIS_MACHINE.gpu() == gpu()
    assert THIS_MACHINE.version("onnxruntime", ("onnxruntime-gpu", "onnxruntime")) == onnxruntime.__version__


def test_files_of_a_library() -> None:
    assert THIS_MACHINE.has_file("onnxruntime", "__init__.py")
    assert not THIS_MACHINE.has_file("onnxruntime", "capi/no_such_provider.so")
    assert not THIS_MACHINE.has_file("no_such_library", "__init__.py")


def test_libraries_of_the_system() -> None:
    assert THIS_MACHINE.has_shared_library("c", "libc.so.6")
    assert not THIS_MACHINE.has_shared_library("c", "libc.so.5")
    assert not THIS_MACHINE.has_shared_library("no_such_library", "libc.so.6")
