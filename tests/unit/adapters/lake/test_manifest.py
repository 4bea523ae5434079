"""Only what this installation signed counts as its backup."""

import hashlib
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_ml.adapters.lake.manifest import Manifest, read_unsigned, sign, verify
from stock_ml.errors import UntrustedBackup

KEY, SOURCE, NAME = "a key", "sandbox", "2026-11-26T03-00-00Z"
HELD: Manifest = {"stockml.dump": {"sha256": hashlib.sha256(b"x").hexdigest(), "bytes": 1}}
SIGNED = sign(HELD, SOURCE, NAME, KEY)


def test_what_was_signed_is_read_back() -> None:
    assert verify(SIGNED, SOURCE, NAME, KEY) == HELD


@pytest.mark.parametrize(
    ("source", "name", "key", "told"),
    [
        (SOURCE, NAME, "another key", "signed with another key"),
        (SOURCE, "2099-01-01T00-00-00Z", KEY, "somebody copied it"),
        ("yahoo", NAME, KEY, "somebody copied it"),
    ],
)
def test_another_key_name_or_source_is_refused(source: str, name: str, key: str, told: str) -> None:
    with pytest.raises(UntrustedBackup, match=told):
        verify(SIGNED, source, name, key)


@pytest.mark.parametrize("stored", [json.dumps(HELD).encode(), b"", b"\xff", b"[]", b"{}", b'{"content": 1}'])
def test_what_is_not_signed_is_refused_with_the_way_out(stored: bytes) -> None:
    with pytest.raises(UntrustedBackup, match=r"is not signed.*make backup.*sign-backup 2026"):
        verify(stored, SOURCE, NAME, KEY)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_no_changed_byte_passes_for_something_else(place: int, change: int) -> None:
    changed = SIGNED[:place] + bytes([SIGNED[place] ^ change]) + SIGNED[place + 1 :]
    with suppress(UntrustedBackup):
        assert verify(changed, SOURCE, NAME, KEY) == HELD


def test_a_manifest_of_an_older_version_is_read_for_who_answers_for_it() -> None:
    assert read_unsigned(json.dumps(HELD).encode(), NAME) == HELD
    with pytest.raises(UntrustedBackup, match="cannot be read"):
        read_unsigned(b"no manifest", NAME)
