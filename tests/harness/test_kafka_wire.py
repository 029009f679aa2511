"""What is read of Kafka's protocol: where answers tell their errors, and answers that no broker gave."""

from __future__ import annotations

import pytest

from .kafka_wire import FLAT, Api, Call, error_place, number_of, refusal, with_error


def _frame(message: bytes) -> bytes:
    return len(message).to_bytes(4) + message


@pytest.mark.parametrize(
    ("call", "answer", "place"),
    [
        (Call(Api.END_TXN, 1, 9), _frame(b"nnnnttttEE"), 12),
        (Call(Api.END_TXN, 3, 9), _frame(b"nnnn0ttttEE0"), 13),
        (Call(Api.ADD_PARTITIONS_TO_TXN, 0, 9), _frame(b"nnnntttt\0\0\0\1\0\3abc\0\0\0\1ppppEE"), 29),
        (Call(Api.TXN_OFFSET_COMMIT, 3, 9), _frame(b"nnnn0tttt\2\4abc\2ppppEE000"), 23),
        (Call(Api.PRODUCE, 10, 9), _frame(b"nnnn0\2\4abc\2ppppEE0000"), 19),
    ],
    ids=lambda value: value.api if isinstance(value, Call) else None,
)
def test_where_an_answer_tells_its_error(call: Call, answer: bytes, place: int) -> None:
    """Old layouts and compact ones, with one error or one for each partition."""
    assert error_place(call, answer) == place
    assert answer[place : place + 2] == b"EE"
    assert with_error(call, answer, 0x4141) == answer.replace(b"EE", b"AA")


@pytest.mark.parametrize("api", sorted(FLAT))
def test_a_refusal_is_an_answer_of_its_kind(api: Api) -> None:
    """What is made up without the broker carries the request's number, and the error where a client looks for it."""
    for version in (1, 4):
        call = Call(api, version, 77)
        made_up = refusal(call, 48)
        assert number_of(made_up) == 77
        assert int.from_bytes(made_up[:4]) == len(made_up) - 4
        at = error_place(call, made_up)
        assert made_up[at : at + 2] == b"\0\x30"
