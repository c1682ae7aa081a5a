"""Sealed files open whole, under their own name and key, or not at all."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scs_rack.backup import seal
from scs_rack.errors import UsageError

KEY = bytes(range(32))


def sealed(data, key=KEY, name="part", step=None):
    out = io.BytesIO()
    one = seal.Seal(out, key, name)
    for begin in range(0, len(data), step or len(data) or 1):
        one.write(data[begin : begin + (step or len(data))])
    one.close()
    assert one.size == len(data)
    return out.getvalue()


def content(data, key=KEY, name="part"):
    return b"".join(seal.opened(io.BytesIO(data), key, name))


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(seal, "PIECE", 64)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 127, 128, 129, 1000])
@pytest.mark.parametrize("step", [1, 7, 64, None])
def test_what_was_sealed_comes_back(size, step):
    data = bytes(number % 251 for number in range(size))
    assert content(sealed(data, step=step)) == data


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.data())
def test_no_change_goes_unnoticed(data, draw):
    whole = sealed(data)
    kind = draw.draw(st.sampled_from(["flip", "cut", "swap", "longer", "double"]))
    if kind == "flip":
        at = draw.draw(st.integers(0, len(whole) - 1))
        bad = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    elif kind == "cut":
        bad = whole[: draw.draw(st.integers(0, len(whole) - 1))]
    elif kind == "longer":
        bad = whole + draw.draw(st.binary(min_size=1, max_size=90))
    else:
        size, head = 64 + seal.TAG, len(seal.MAGIC)
        pieces = [whole[at : at + size] for at in range(head, len(whole), size)]
        if kind == "swap" and len(pieces) > 2:
            pieces[0], pieces[1] = pieces[1], pieces[0]
        else:
            pieces.insert(0, pieces[0])
        bad = whole[:head] + b"".join(pieces)
    if bad == whole:
        return
    with pytest.raises(seal.Damaged):
        content(bad)


def test_another_name_or_key_opens_nothing():
    for key, name in ((bytes(32), "part"), (KEY, "other")):
        with pytest.raises(seal.Damaged):
            content(sealed(b"x"), key, name)


def test_a_cut_at_the_border_of_a_piece_is_seen():
    whole = sealed(bytes(192))
    with pytest.raises(seal.Damaged):
        content(whole[: len(seal.MAGIC) + 64 + seal.TAG])


def test_the_same_content_is_never_sealed_alike():
    assert sealed(b"x", seal.new_key()) != sealed(b"x", seal.new_key())


def test_the_key_opens_with_its_password_alone(monkeypatch):
    monkeypatch.setattr(seal, "COST", {"n": 4, "r": 8, "p": 1})
    header = seal.wrap(KEY, b"right")
    assert seal.unwrap(header, b"right") == KEY
    with pytest.raises(UsageError, match="does not open"):
        seal.unwrap(header, b"wrong")
    for bad in ({}, header | {"salt": "%"}, header | {"n": 1 << 30}, header | {"n": "x"}, header | {"r": 1}):
        with pytest.raises(seal.Damaged):
            seal.unwrap(bad, b"right")
