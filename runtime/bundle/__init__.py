"""The bundle on disk: what it holds, whether it is what was made, and what vouches for it. No library of a backend.

store                               opens, verifies and seals a bundle: read this first
manifest, schema                    manifest.json, as types, and read strictly
certificate, gate, doubts           what was measured, what is allowed, and what speaks against a certificate
attestation, profile, signature     other parts of a manifest, and the signature over it
private_files, onnx_scan            copies that nobody can change; what stands in an ONNX file
checkpoint, checkpoint_config, weights, hub, third_party    folders that are no bundles
"""
