"""Who sealed a bundle is proven by a signature, and by nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from export.sign import main
from export.staging import check_output
from runtime.bundle.store import MANIFEST, open_bundle, read_bundle
from runtime.bundle.third_party import read_folder
from runtime.errors import BundleError, UsageError
from tests.conftest import Command
from tests.lookup import lookup_bundle

pytest.importorskip("cryptography")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A whole bundle."""
    return lookup_bundle(tmp_path / "bundle", {"Paris": "B-LOC"})


def key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Files with a new private key and the public key to it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key, private, public = Ed25519PrivateKey.generate(), folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public


def test_a_signed_bundle_is_known_by_its_signer_alone(bundle: Path, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path, "ours")
    with pytest.raises(BundleError, match="not signed"):
        open_bundle(bundle, public_key=public)
    assert main([str(bundle), "--key", str(private)]) == 0
    assert open_bundle(bundle, public_key=public).manifest == open_bundle(bundle).manifest
    check_output(bundle)
    with pytest.raises(BundleError, match="not signed by the holder of"):
        open_bundle(bundle, public_key=key_pair(tmp_path, "theirs")[1])


def test_a_manifest_that_was_sealed_again_is_not_signed(bundle: Path, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path, "ours")
    main([str(bundle), "--key", str(private)])
    value = json.loads((bundle / MANIFEST).read_text())
    del value["digest"]
    value["checkpoint"]["name"] = "another"
    body = (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
    sealed = {**value, "digest": hashlib.sha256(body).hexdigest()}
    (bundle / MANIFEST).write_text(json.dumps(sealed, indent=1, sort_keys=True) + "\n")
    open_bundle(bundle)
    with pytest.raises(BundleError, match="not signed by the holder of"):
        read_bundle(bundle, public_key=public)


def test_a_changed_file_or_signature_is_refused(bundle: Path, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path, "ours")
    main([str(bundle), "--key", str(private)])
    (bundle / "manifest.sig").write_bytes(b"short")
    with pytest.raises(BundleError, match="not signed by the holder of"):
        open_bundle(bundle, public_key=public)
    main([str(bundle), "--key", str(private)])
    (bundle / "config.json").write_text("{ }")
    with pytest.raises(BundleError, match=r"config\.json"):
        open_bundle(bundle, public_key=public)
    with pytest.raises(BundleError, match=r"config\.json"):
        main([str(bundle), "--key", str(private)])


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_what_is_no_key_is_one_line(bundle: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(UsageError, match="no private key in PEM"):
        main([str(bundle), "--key", str(tmp_path / "key")])
    with pytest.raises(UsageError, match="no public key in PEM"):
        open_bundle(bundle, public_key=tmp_path / "key")
    with pytest.raises(UsageError, match="No such file"):
        open_bundle(bundle, public_key=tmp_path / "nowhere")


def test_a_folder_without_a_manifest_has_no_signature(bundle: Path, tmp_path: Path) -> None:
    (bundle / MANIFEST).unlink()
    (bundle / "padded-fp32.onnx").rename(bundle / "model.onnx")
    with pytest.raises(BundleError, match="not a bundle"):
        read_folder(bundle, allow_uncertified=True, public_key=key_pair(tmp_path, "ours")[1])


def test_the_command_line_asks_for_it(bundle: Path, tmp_path: Path, command: Command) -> None:
    private, public = key_pair(tmp_path, "ours")
    asked = ("--bundle", bundle, "--require-signature", public, "in Paris")
    refused = command("runtime.tag", *asked)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert "not signed" in refused.stderr
    assert command("export.sign", bundle, "--key", private).returncode == 0
    assert '"Paris"' in command("runtime.tag", *asked).stdout
