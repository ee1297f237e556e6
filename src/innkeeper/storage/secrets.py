"""Encrypts what must not be readable in the data base, with keys that can be rotated."""

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SecretUnreadable(Exception):
    """The secret was encrypted with a key that is no longer among the keys."""


class Keyring:
    """The keys of an installation, newest first; the newest encrypts, all of them decrypt."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises ValueError when there is no key or one is not a Fernet key (32 bytes, URL-safe base64)."""
        if not keys:
            raise ValueError("at least one secret key is needed")
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, secret: str) -> str:
        """Return the text to store."""
        return self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Return the secret. Raises SecretUnreadable."""
        try:
            return self._fernet.decrypt(stored.encode()).decode()
        except InvalidToken:
            raise SecretUnreadable("a stored secret cannot be read with the configured keys") from None

    def rotate(self, stored: str) -> str:
        """Return the stored secret, encrypted with the newest key. Raises SecretUnreadable."""
        try:
            return self._fernet.rotate(stored.encode()).decode()
        except InvalidToken:
            raise SecretUnreadable("a stored secret cannot be read with the configured keys") from None


def new_key() -> str:
    """Return a new key for INNKEEPER_SECRET_KEYS."""
    return Fernet.generate_key().decode()


def key_file(folder: Path) -> Sequence[str]:
    """Return the keys kept in the data folder, made at the first call, readable by their owner only."""
    path = folder / "secret.keys"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().split()
    with os.fdopen(descriptor, "w") as file:
        file.write(new_key() + "\n")
    return path.read_text().split()


def add_key(folder: Path) -> Sequence[str]:
    """Put a new key in front of those in the data folder and return all of them."""
    keys = [new_key(), *key_file(folder)]
    path = folder / "secret.keys"
    replacement = path.with_suffix(".new")
    replacement.touch(mode=0o600)
    replacement.write_text("\n".join(keys) + "\n")
    replacement.replace(path)
    return keys
