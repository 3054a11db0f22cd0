"""Composite ML-DSA-65 + Ed25519 keys, written from the specification (docs/FORMATS.md) and not from the C++."""
import base64
import ctypes
import hashlib

import build_mldsa
import ed25519

PREFIX = b"CompositeAlgorithmSignatures2025"
LABEL = b"COMPSIG-MLDSA65-Ed25519-SHA512"
ML_PUBLIC, ML_SECRET, ML_SIGNATURE = 1952, 4032, 3309

_library = None


def _mldsa():
    global _library
    if _library is None:
        _library = ctypes.CDLL(str(build_mldsa.ensure()))
    return _library


def _call(name, *arguments):
    return getattr(_mldsa(), "PQCLEAN_MLDSA65_CLEAN_crypto_sign_" + name)(*arguments)


def ml_keypair(seed: bytes):
    public, secret = ctypes.create_string_buffer(ML_PUBLIC), ctypes.create_string_buffer(ML_SECRET)
    _mldsa().landfall_test_set_random(seed)
    _call("keypair", public, secret)
    return public.raw, secret.raw


def ml_sign(secret: bytes, message: bytes, context: bytes, randomness: bytes = bytes(32)) -> bytes:
    signature, size = ctypes.create_string_buffer(ML_SIGNATURE), ctypes.c_size_t(0)
    _mldsa().landfall_test_set_random(randomness)
    status = _call("signature_ctx", signature, ctypes.byref(size), message, ctypes.c_size_t(len(message)), context,
                   ctypes.c_size_t(len(context)), secret)
    assert status == 0 and size.value == ML_SIGNATURE
    return signature.raw


def ml_verify(public: bytes, message: bytes, context: bytes, signature: bytes) -> bool:
    return len(public) == ML_PUBLIC and _call("verify_ctx", signature, ctypes.c_size_t(len(signature)), message,
                                              ctypes.c_size_t(len(message)), context, ctypes.c_size_t(len(context)), public) == 0


def representative(message: bytes, context: bytes, label: bytes = LABEL) -> bytes:
    """M' of the composite construction."""
    return PREFIX + label + bytes([len(context)]) + context + hashlib.sha512(message).digest()


def keyid(public: bytes) -> str:
    return hashlib.sha256(b"landfall-keyid-v1\0mldsa65-ed25519\0" + public).hexdigest()


class Key:
    """A composite key pair from a text, the same on every run."""

    def __init__(self, seed_text: str):
        self.ml_seed = hashlib.sha256(b"ml " + seed_text.encode()).digest()
        self.ed_seed = hashlib.sha256(b"ed " + seed_text.encode()).digest()
        ml_public, self.ml_secret = ml_keypair(self.ml_seed)
        self.public = ml_public + ed25519.public_key(self.ed_seed)
        self.id = keyid(self.public)

    @property
    def pk(self) -> str:
        return base64.b64encode(self.public).decode()

    def sign(self, message: bytes, context: bytes, randomness: bytes = bytes(32), label: bytes = LABEL, ml_context=None) -> bytes:
        m = representative(message, context, label)
        return ml_sign(self.ml_secret, m, label if ml_context is None else ml_context, randomness) + ed25519.sign(self.ed_seed, m)


def verify(public: bytes, message: bytes, context: bytes, signature: bytes) -> bool:
    if len(public) != ML_PUBLIC + 32 or len(signature) != ML_SIGNATURE + 64:
        return False
    m = representative(message, context)
    return (ml_verify(public[:ML_PUBLIC], m, LABEL, signature[:ML_SIGNATURE])
            and ed25519.verify(public[ML_PUBLIC:], m, signature[ML_SIGNATURE:]))
