"""Finds the recordings and specifications beside the project, which a stranger's clone does not have."""

from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared"

SHARED: Path | None = _BESIDE if (_BESIDE / "qloapps").is_dir() else None


def require_shared() -> Path:
    """Return the folder of recordings, or skip the test with a word."""
    if SHARED is None:
        pytest.skip("needs the recordings in ../shared, which are not here")
    return SHARED
