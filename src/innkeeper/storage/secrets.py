"""Encrypts what must not be readable in the data base, with keys that can be rotated."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from innkeeper.domain.errors import OutsideUnavailable

_FILE = "secret.keys"

#: The code of everything that waits because a stored secret cannot be read.
SECRET_UNREADABLE = "SECRET_UNREADABLE"  # noqa: S105 - a code, not a secret


class SecretUnreadable(OutsideUnavailable):
    """The secret was encrypted with a key that is not among the keys; who needs it waits until it is."""

    code, title = SECRET_UNREADABLE, "A stored secret cannot be read"
    action = "Put the missing key back (INNKEEPER_SECRET_KEYS, or secret.keys in the data folder), or enter it again."

    def __init__(self) -> None:
        super().__init__("A stored secret cannot be read with the keys of this installation.")


class Keyring:
    """The keys of an installation, newest first; the newest encrypts, all of them decrypt."""

    def __init__(self, keys: Sequence[str], read_again: Callable[[], Sequence[str]] | None = None) -> None:
        """Raises ValueError when there is no key or one is not a Fernet key (32 bytes, URL-safe base64).

        `read_again` returns the keys as they are now; another process may have put a new one in front.
        """
        self._fernet = _fernet(keys)
        self._read_again = read_again

    def encrypt(self, secret: str) -> str:
        """Return the text to store."""
        return self._fernet.encrypt(secret.encode()).decode()

    def decrypt(self, stored: str) -> str:
        """Return the secret. Raises SecretUnreadable."""
        return self._open(lambda fernet: fernet.decrypt(stored.encode())).decode()

    def rotate(self, stored: str) -> str:
        """Return the stored secret, encrypted with the newest key. Raises SecretUnreadable."""
        return self._open(lambda fernet: fernet.rotate(stored.encode())).decode()

    def _open(self, how: Callable[[MultiFernet], bytes]) -> bytes:
        try:
            return how(self._fernet)
        except InvalidToken:
            if self._read_again is None:
                raise SecretUnreadable from None
        try:
            self._fernet = _fernet(self._read_again())
            return how(self._fernet)
        except (InvalidToken, ValueError, OSError):
            raise SecretUnreadable from None


def _fernet(keys: Sequence[str]) -> MultiFernet:
    if not keys:
        raise ValueError("at least one secret key is needed")
    return MultiFernet([Fernet(key) for key in keys])


def new_key() -> str:
    """Return a new key for INNKEEPER_SECRET_KEYS."""
    return Fernet.generate_key().decode()


def key_file(folder: Path) -> Sequence[str]:
    """Return the keys kept in the data folder, made at the first call, readable by their owner only."""
    try:
        descriptor = os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_keys(folder)
    with os.fdopen(descriptor, "w") as file:
        file.write(new_key() + "\n")
    return read_keys(folder)


def read_keys(folder: Path) -> Sequence[str]:
    """Return the keys that are in the data folder. Raises OSError when there are none."""
    return (folder / _FILE).read_text().split()


def add_key(folder: Path) -> Sequence[str]:
    """Put a new key in front of those in the data folder and return all of them."""
    keys = [new_key(), *key_file(folder)]
    path = folder / _FILE
    replacement = path.with_suffix(".new")
    replacement.touch(mode=0o600)
    replacement.write_text("\n".join(keys) + "\n")
    replacement.replace(path)
    return keys
