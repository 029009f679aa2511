"""The mapping file in `check`: its rules beside the topics that are read."""

from __future__ import annotations

from stream.check.mapping import look_at_mapping
from stream.check.report import State
from stream.mapping import NO_MAPPING, Mapping

from ..cdc_builders import PLAIN, rules

CRM = Mapping(rules(f"[[rule]]\n{PLAIN}"), "m.toml", "0123456789abcdef")


def test_without_a_mapping_file_nothing_is_said() -> None:
    """Native events need none."""
    assert list(look_at_mapping(NO_MAPPING, ["deltas"])) == []


def test_a_mapping_file_is_named_with_its_checksum_and_rules() -> None:
    """And the topics that no rule is for, where native events are expected."""
    (finding,) = look_at_mapping(CRM, ["crm.public.contacts"])
    assert (finding.name, finding.state, finding.detail) == ("mapping", State.OK, "m.toml (0123456789ab), rules: 1")
    found = [each.detail for each in look_at_mapping(CRM, ["crm.public.contacts", "deltas"])]
    assert found == ["m.toml (0123456789ab), rules: 1; native events only: deltas"]


def test_a_rule_whose_topic_is_not_read_is_doubtful() -> None:
    """A misspelt topic would leave its rule without anything to do; a rule by table alone may be for any."""
    _, finding = look_at_mapping(CRM, ["crm.public.contact"])
    assert finding.state is State.WARNING
    assert finding.detail == "rule 1 is for crm.public.contacts, which KAFKA_INPUT_TOPIC does not name"
    by_table = Mapping(rules('[[rule]]\ntable = "a.b"\ndatastore = "d"'), "m.toml", "0123456789abcdef")
    assert [each.detail for each in look_at_mapping(by_table, ["deltas"])] == ["m.toml (0123456789ab), rules: 1"]
