"""A signature proves who sealed a bundle: the right key's, over the very bytes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.bundle.signature import SIGNATURE, check_signature
from runtime.errors import BundleError, UsageError

pytest.importorskip("cryptography")

MANIFEST = b'{"schema": 2}'


def public_key_of(key: Any, file: Path) -> Path:
    """A file with the public key to a private one."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    file.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return file


@pytest.fixture
def key() -> Any:
    """A new private key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


@pytest.fixture
def public(key: Any, tmp_path: Path) -> Path:
    """A file with the public key to it, beside a signature of MANIFEST."""
    (tmp_path / SIGNATURE).write_bytes(key.sign(MANIFEST))
    return public_key_of(key, tmp_path / "key.pub")


def test_the_signer_is_known(public: Path, tmp_path: Path) -> None:
    assert SIGNATURE == "manifest.sig"
    check_signature(tmp_path, MANIFEST, public)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / SIGNATURE).write_bytes(bytes(64)),
        lambda folder: (folder / SIGNATURE).write_bytes((folder / SIGNATURE).read_bytes()[:63]),
        lambda folder: (folder / SIGNATURE).write_bytes(b""),
    ],
)
def test_another_signature_is_not_the_signers(public: Path, tmp_path: Path, change: Callable[[Path], object]) -> None:
    change(tmp_path)
    with pytest.raises(BundleError) as caught:
        check_signature(tmp_path, MANIFEST, public)
    assert str(caught.value).startswith(f"{tmp_path}: not signed by the holder of {public}; sign it again")


def test_other_bytes_were_not_signed(public: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not signed by the holder of"):
        check_signature(tmp_path, MANIFEST + b" ", public)


def test_without_a_signature_it_is_not_signed(public: Path, tmp_path: Path) -> None:
    (tmp_path / SIGNATURE).write_bytes(bytes((1 << 16) + 1))
    with pytest.raises(BundleError, match=r"not signed \(65,537 bytes, at most 65,536 are read\)"):
        check_signature(tmp_path, MANIFEST, public)
    (tmp_path / SIGNATURE).unlink()
    with pytest.raises(BundleError) as caught:
        check_signature(tmp_path, MANIFEST, public)
    assert str(caught.value).startswith(f"{tmp_path}: not signed (No such file or directory); sign it again")


def test_what_is_no_key_of_the_kind_is_told(public: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    other = public_key_of(X25519PrivateKey.generate(), tmp_path / "other.pub")
    (tmp_path / "large.pub").write_bytes(public.read_bytes() + b"\n" * (1 << 16))
    for file, told in (
        (other, "not an Ed25519 key"),
        (tmp_path / SIGNATURE, "no public key in PEM ("),
        (tmp_path / "none.pub", "no public key in PEM ([Errno 2]"),
        (tmp_path / "large.pub", "no public key in PEM ([Errno 27]"),
    ):
        with pytest.raises(UsageError) as caught:
            check_signature(tmp_path, MANIFEST, file)
        assert str(caught.value).startswith(f"{file}: {told}")
        assert caught.value.fix == "give the signer's public key"
