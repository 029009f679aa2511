"""Which fault strikes which call, and for how long."""

import pytest

from stream.sandbox.faults import Fault, FaultError, Faults, Plan
from stream.sandbox.tokens import SCOPE, Credentials, FormError, TokenRule, Tokens, form_error


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """Seconds, as they were set."""
        return self.now_s


def statuses(faults: Faults, calls: int, data_store_id: str | None = None) -> list[int | None]:
    """The statuses that so many execute calls are answered with by a fault, None where none strikes."""
    plans = [faults.plan("execute", data_store_id) for _ in range(calls)]
    return [plan.ending.status if plan.ending is not None else None for plan in plans]


def test_no_fault_means_nothing_goes_wrong() -> None:
    """Without faults a call has no waits and ends well."""
    assert Faults(Clock()).plan("execute") == Plan()


def test_fault_strikes_the_next_so_many() -> None:
    """A fault for the next two calls strikes exactly those and is then disarmed."""
    faults = Faults(Clock())
    faults.add(Fault("answer", status=429, next_requests=2))
    assert statuses(faults, 3) == [429, 429, None]
    assert faults.armed() == []


def test_first_added_ending_wins_and_the_next_waits_its_turn() -> None:
    """Two endings never strike one call: the second is not used up by calls that the first ended."""
    faults = Faults(Clock())
    faults.add(Fault("answer", status=500, next_requests=1))
    faults.add(Fault("answer", status=503, next_requests=1))
    assert statuses(faults, 3) == [500, 503, None]


def test_fault_lasts_its_time() -> None:
    """A fault with a time strikes until that time is over."""
    clock = Clock()
    faults = Faults(clock)
    faults.add(Fault("answer", for_s=5.0))
    before = statuses(faults, 1)
    clock.now_s += 5.0
    assert (before, statuses(faults, 1)) == ([503], [None])


def test_probability_is_a_share_that_repeats_with_the_seed() -> None:
    """A fault with probability one half strikes about half of the calls, the same ones for the same seed."""
    runs = []
    for seed in (7, 7, 8):
        faults = Faults(Clock(), seed)
        faults.add(Fault("answer", probability=0.5))
        runs.append(statuses(faults, 400))
    assert 150 < runs[0].count(503) < 250
    assert runs[0] == runs[1] != runs[2]


def test_fault_is_narrowed_to_call_datastore_and_record() -> None:
    """A fault for one record of one datastore leaves every other request and call alone."""
    faults = Faults(Clock())
    faults.add(Fault("answer", data_store_id="people", record_id="a"))
    struck = [
        faults.plan("execute", "people", ["b", "a"]),
        faults.plan("execute", "people", ["b"]),
        faults.plan("execute", "places", ["a"]),
        faults.plan("read", "people", ["a"]),
    ]
    assert [plan.ending is not None for plan in struck] == [True, False, False, False]


def test_fault_is_narrowed_to_large_requests() -> None:
    """A fault for requests of two records or more leaves smaller ones alone, and reads with them."""
    faults = Faults(Clock())
    faults.add(Fault("answer", call=None, min_records=2))
    struck = [faults.plan("execute", "people", ids).ending is not None for ids in ([], ["a"], ["a", "b"], list("abc"))]
    assert struck == [False, False, True, True]
    assert faults.plan("read", "people", ["a"]).ending is None


def test_first_added_way_to_name_wins() -> None:
    """Of two faults that choose how records are named the first one counts, beside an ending."""
    faults = Faults(Clock())
    for names in ("index", "id"):
        faults.add(Fault("names", names=names))
    faults.add(Fault("answer", status=500))
    plan = faults.plan("execute")
    assert plan.naming is not None
    assert plan.ending is not None
    assert (plan.naming.names, plan.ending.status) == ("index", 500)


def test_fault_for_every_call_strikes_each_kind() -> None:
    """A fault without a call strikes execute, read and token alike."""
    faults = Faults(Clock())
    faults.add(Fault("reset", call=None))
    calls = [faults.plan("execute"), faults.plan("read"), faults.plan("token")]
    assert all(plan.ending is not None for plan in calls)


def test_delays_add_up_within_their_bounds() -> None:
    """Delays before and after the work are drawn apart, each within its bounds, and join other faults."""
    faults = Faults(Clock())
    faults.add(Fault("delay", min_s=1.0, max_s=2.0))
    faults.add(Fault("delay", min_s=10.0, max_s=20.0))
    faults.add(Fault("delay", min_s=0.5, max_s=0.5, applied=True))
    faults.add(Fault("reset"))
    plans = [faults.plan("execute") for _ in range(50)]
    assert all(11.0 <= plan.before_s <= 22.0 and plan.after_s == 0.5 and plan.ending for plan in plans)
    assert len({plan.before_s for plan in plans}) > 10


def test_removed_and_cleared_faults_strike_no_more() -> None:
    """A fault can be removed by its number, and all of them cleared together with an outage."""
    faults = Faults(Clock())
    number = faults.add(Fault("answer", status=500))
    faults.add(Fault("answer", status=502))
    faults.remove(number)
    after_removal = statuses(faults, 1)
    faults.begin_outage()
    faults.clear()
    assert (after_removal, statuses(faults, 1), faults.outage()) == ([502], [None], None)


def test_outage_ends_by_time_or_by_word() -> None:
    """An outage lasts for its time, or until it is ended."""
    clock = Clock()
    faults = Faults(clock)
    faults.begin_outage("503", for_s=2.0)
    seen = [faults.outage()]
    clock.now_s += 2.0
    seen.append(faults.outage())
    faults.begin_outage()
    seen.append(faults.outage())
    faults.end_outage()
    assert [*seen, faults.outage()] == ["503", None, "reset", None]


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"kind": "explode"},
        {"kind": "answer", "status": 700},
        {"kind": "answer", "status": "429"},
        {"kind": "answer", "retry_after": 1},
        {"kind": "answer", "headers": {"a": 1}},
        {"kind": "answer", "headers": []},
        {"kind": "answer", "extra": 1},
        {"kind": "answer", "call": "nothing"},
        {"kind": "answer", "probability": 2},
        {"kind": "answer", "next_requests": 0},
        {"kind": "answer", "for_s": 0},
        {"kind": "delay", "min_s": 2, "max_s": 1},
        {"kind": "evidence", "evidence": "some"},
        {"kind": "names", "names": "some"},
        {"kind": "names", "names_at": "errors"},
        {"kind": "names", "names_at": 5},
        {"kind": "answer", "min_records": -1},
        {"kind": "answer", "size_bytes": "1"},
        {"kind": "answer", "drip_s": -1},
    ],
    ids=str,
)
def test_fault_that_makes_no_sense_is_refused(value: object) -> None:
    """A fault with an unknown name, a wrong type or an impossible value is refused with a sentence."""
    with pytest.raises(FaultError, match=r"\w+ \w+"):
        Fault.from_json(value)


def test_tokens_live_until_expiry_or_revocation() -> None:
    """A token is good until its life is over or all are revoked, and no token is good that was not given out."""
    clock = Clock()
    tokens = Tokens(clock, TokenRule(life_s=10.0))
    first = str(tokens.issue()["access_token"])
    seen = [tokens.is_good(first), tokens.is_good("other")]
    clock.now_s += 10.0
    second = str(tokens.issue()["access_token"])
    seen += [tokens.is_good(first), tokens.is_good(second)]
    tokens.revoke_all()
    assert [*seen, tokens.is_good(second)] == [True, False, False, True, False]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (TokenRule(life_s=5), {"expires_in": 5}),
        (TokenRule(announces_life=False, expires_in="soon"), {"expires_in": "soon"}),
        (TokenRule(announces_life=False), {}),
    ],
    ids=["its life", "something unreadable", "nothing"],
)
def test_token_answer_says_of_its_life_what_the_rule_says(rule: TokenRule, said: dict[str, object]) -> None:
    """What a token answer says in `expires_in` can differ from the truth, or be missing."""
    tokens = Tokens(Clock(), rule)
    tokens.follow(rule)
    answer = tokens.issue()
    assert {key: value for key, value in answer.items() if key == "expires_in"} == said


CREDENTIALS = Credentials("me", "p+&=%/ ü")
FORM = "application/x-www-form-urlencoded"
ENCODED = "p%2B%26%3D%25%2F+%C3%BC"
GOOD = f"grant_type=client_credentials&client_id=me&client_secret={ENCODED}&scope={SCOPE.replace(' ', '+')}"


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        (FORM, GOOD, None),
        (FORM, GOOD.replace("+%C3", "%20%C3").replace(":", "%3A"), None),
        (FORM, GOOD.replace("=me", "=you"), "invalid_client"),
        (FORM, GOOD.replace(ENCODED, "x"), "invalid_client"),
        (FORM, GOOD.replace("client_credentials", "password"), "unsupported_grant_type"),
        (FORM, GOOD.replace("datastores:read", "all"), "invalid_scope"),
        (FORM, GOOD + "&extra=1", "invalid_request"),
        (FORM, GOOD + "&scope=x", "invalid_request"),
        (FORM, GOOD.replace(ENCODED, "ü"), "invalid_request"),
        (FORM, GOOD.replace("%C3%BC", "%FF"), "invalid_request"),
        (FORM, "", "invalid_request"),
        ("application/json", GOOD, "invalid_request"),
    ],
    ids=[
        "right",
        "right, encoded another way",
        "another client",
        "another secret",
        "another grant",
        "another scope",
        "a key too many",
        "a key twice",
        "not percent-encoded",
        "not UTF-8",
        "empty",
        "another content type",
    ],
)
def test_token_form_is_judged_whole(content_type: str, body: str, error: str | None) -> None:
    """Only the exact form of the contract gets a token, and a wrong client alone is no breach of it."""
    found = form_error(content_type, body.encode(), CREDENTIALS)
    assert (found.code if found else None) == error
    assert not isinstance(found, FormError) or (found.breach is None) == (error == "invalid_client")
