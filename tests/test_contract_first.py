"""bench.contract.first and the dates of bench.contract.http: pure judgements of an answer."""

from __future__ import annotations

import json
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.contract.first import JUDGEMENTS, First, judge_all, same, usable, wrong_body
from bench.contract.http import off
from bench.contract.model import Silent, one_line
from bench.contract.run import HTTP_SPECS
from bench.contract.wire import Answer

HELLO, JSON = HTTP_SPECS["hello"], HTTP_SPECS["json"]


def answer(body: bytes = b"Hello, World!", **headers: str) -> Answer:
    """An answer that is right for hello, unless told otherwise."""
    told = {"content_type": "text/plain", "content_length": str(len(body)), **headers}
    return Answer(200, "OK", "1.1", [(name.replace("_", "-"), value) for name, value in told.items()], 1e9, body)


def verdicts(first: First) -> dict[str, str]:
    """What each judge says of it, as hello."""
    return {judgement.name: outcome.verdict for judgement, outcome in judge_all(first, HELLO)}


def test_a_right_answer_passes_every_judge() -> None:
    """The answer of the contract."""
    assert set(verdicts(First(answer(), b"", True)).values()) == {"pass"}


@pytest.mark.parametrize("kind", ["text/plain", "text/plain; charset=utf-8", "Text/Plain ;charset=UTF-8"])
def test_parameters_and_case_of_a_content_type_do_not_matter(kind: str) -> None:
    """Media types are compared as HTTP says."""
    assert verdicts(First(answer(content_type=kind), b"", True))["content type"] == "pass"


def test_an_unknown_end_leaves_the_body_unjudged() -> None:
    """A wrong length is one failed check, not two."""
    got = verdicts(First(answer(), b"!", True))
    assert (got["framing"], got["body"]) == ("fail", "skip")
    assert not usable(First(answer(), b"!", True))


def test_a_body_up_to_the_close_is_right_only_for_those_that_close() -> None:
    """A connection cannot be kept without telling the length."""
    open_ended = Answer(200, "OK", "1.1", [("content-type", "text/plain")], 1e9, b"Hello, World!")
    assert verdicts(First(open_ended, b"", True))["framing"] == "fail"
    assert verdicts(First(open_ended, b"", False))["framing"] == "note"


def test_no_answer_fails_once() -> None:
    """The first judgement says why, the others are skipped."""
    outcomes = [outcome for _, outcome in judge_all(Silent("nothing within 10 s"), HELLO)]
    assert [each.verdict for each in outcomes] == ["fail"] + ["skip"] * (len(JUDGEMENTS) - 1)
    assert outcomes[0].got == "nothing within 10 s"


@given(st.sampled_from([None, 0, 4]), st.booleans())
def test_any_serialisation_of_the_object_is_right(indent: int | None, compact: bool) -> None:
    """White space and escapes are the serialiser's business."""
    separators = (",", ":") if compact else None
    body = json.dumps({"message": "Hello, World!"}, indent=indent, separators=separators)
    assert wrong_body(body.encode(), JSON) is None
    assert wrong_body(body.replace("H", "\\u0048").encode(), JSON) is None


@given(st.binary(max_size=80))
def test_no_body_makes_the_judge_raise(body: bytes) -> None:
    """Whatever comes gets a complaint in words."""
    assert wrong_body(body, JSON)
    assert one_line(wrong_body(body, JSON) or "").isprintable()


OTHER_JSON = [b"", b"[" * 100_000, b"NaN", b"null", b'{"message": "Hello, World!", "n": 1}', b"\xef\xbb\xbf{}"]


@pytest.mark.parametrize("body", OTHER_JSON, ids=range(len(OTHER_JSON)))
def test_other_json_is_wrong(body: bytes) -> None:
    """Also when it nests deeply, or has one key too many."""
    assert wrong_body(body, JSON)


def test_how_a_later_answer_differs_is_said() -> None:
    """Status, body and type are what must stay."""
    assert same(answer(date="now"), answer(date="then")) is None
    assert "another body" in (same(answer(b"Hello"), answer()) or "")
    assert "another content type" in (same(answer(content_type="text/html"), answer()) or "")


@given(st.integers(-7200, 7200))
def test_a_date_may_be_off_by_as_much_as_a_cache_is_old(seconds: int) -> None:
    """Up to three seconds either way; more is told with its direction."""
    complaint = off(answer(date=formatdate(1e9 + seconds, usegmt=True)))
    assert (complaint is None) == (abs(seconds) <= 3)
    assert complaint is None or ("ahead" in complaint) == (seconds > 0)


@given(st.text(max_size=40))
def test_no_date_makes_the_judge_raise(text: str) -> None:
    """Whatever stands in the header."""
    assert off(answer(date=text)) is not None
