"""What a refused login is told."""

from __future__ import annotations

import pytest

from stream.rights import Rights
from stream.settings.model import Kafka

KAFKA = Kafka(bootstrap_servers="k:1", group_id="g", input_topic="in-1,in-2", dead_letter_topic="dead")  # type: ignore[call-arg]
CONSUMER, PRODUCER = Rights.of(KAFKA, "consumer"), Rights.of(KAFKA, "producer")


@pytest.mark.parametrize(
    ("rights", "code", "right"),
    [
        (CONSUMER, "TOPIC_AUTHORIZATION_FAILED", "Read on each of the topics in-1, in-2"),
        (CONSUMER, "GROUP_AUTHORIZATION_FAILED", "Read on the group g"),
        (PRODUCER, "TOPIC_AUTHORIZATION_FAILED", "Write on each of the topics cxone.outcomes, dead"),
        (PRODUCER, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "Write on all transactional ids that begin with g."),
    ],
)
def test_a_refusal_names_the_right_to_grant(rights: Rights, code: str, right: str) -> None:
    """The library tells what kind of thing was refused, the settings tell which one it is."""
    assert rights.explained(code, "refused") == f"refused; grant this login {right}"


def test_an_instance_with_a_name_has_one_transactional_id() -> None:
    """Its own is named, not the prefix."""
    named = Kafka(bootstrap_servers="k:1", group_id="g", instance_id="i")
    told = Rights.of(named, "producer").explained("TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "refused")
    assert told == "refused; grant this login Write on the transactional id g.i"


def test_any_other_error_stays_as_it_is() -> None:
    """Only a missing right is explained."""
    assert PRODUCER.explained("_TRANSPORT", "broken") == "broken"
