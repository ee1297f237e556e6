"""A stored secret is read with the keys as they are now, and a lost key is told as what it is."""

from pathlib import Path

import pytest

from innkeeper.domain.errors import OutsideUnavailable
from innkeeper.settings import Settings
from innkeeper.storage.secrets import SECRET_UNREADABLE, Keyring, SecretUnreadable, add_key, new_key


def test_running_process_reads_what_another_has_encrypted_with_a_newer_key(tmp_path: Path) -> None:
    running = Settings(data_dir=tmp_path).keyring()
    stored = running.encrypt("of the shop")
    rotated = Keyring(add_key(tmp_path)).rotate(stored)
    assert running.decrypt(rotated) == "of the shop"
    assert Settings(data_dir=tmp_path).keyring().decrypt(running.encrypt("another")) == "another"


def test_running_process_rotates_with_the_newest_key(tmp_path: Path) -> None:
    running = Settings(data_dir=tmp_path).keyring()
    newest = Keyring([add_key(tmp_path)[0]])
    assert newest.decrypt(running.rotate(newest.encrypt("of the shop"))) == "of the shop"


def test_keys_of_the_environment_are_not_looked_for_in_the_file(tmp_path: Path) -> None:
    add_key(tmp_path)
    ring = Settings(data_dir=tmp_path, secret_keys=new_key()).keyring()
    with pytest.raises(SecretUnreadable):
        ring.decrypt(Settings(data_dir=tmp_path).keyring().encrypt("of the shop"))


def test_missing_file_makes_no_new_key_in_its_place(tmp_path: Path) -> None:
    ring = Settings(data_dir=tmp_path).keyring()
    (tmp_path / "secret.keys").unlink()
    with pytest.raises(SecretUnreadable):
        ring.decrypt(Keyring([new_key()]).encrypt("of the shop"))
    assert not (tmp_path / "secret.keys").exists()


def test_lost_key_is_an_answer_with_a_code_and_what_to_do() -> None:
    with pytest.raises(OutsideUnavailable) as caught:
        Keyring([new_key()]).decrypt(Keyring([new_key()]).encrypt("of the shop"))
    assert (caught.value.status, caught.value.code) == (503, SECRET_UNREADABLE)
    assert "INNKEEPER_SECRET_KEYS" in caught.value.action
