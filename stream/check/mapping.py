"""The mapping file beside the topics that are read: does each rule have something to do?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .report import Finding, doubtful, good

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..mapping import Mapping


def look_at_mapping(mapping: Mapping, topics: Sequence[str]) -> Iterator[Finding]:
    """Compare the rules with the topics.

    Args:
        mapping: read without a problem.
        topics: `KAFKA_INPUT_TOPIC`.

    Yields:
        One finding for the file, and one for each rule whose topic is not read.
    """
    if not mapping.rules:
        return
    patterns = [rule.topic for rule in mapping.rules]
    native = [topic for topic in topics if not any(each is None or each.fits(topic) for each in patterns)]
    only_native = f"; native events only: {', '.join(native)}" if native else ""
    yield good("mapping", f"{mapping.name} ({mapping.sha256[:12]}), rules: {len(mapping.rules)}{only_native}")
    for rule in mapping.rules:
        if rule.topic is not None and not any(map(rule.topic.fits, topics)):
            what = f"rule {rule.number} is for {rule.topic.text}, which KAFKA_INPUT_TOPIC does not name"
            yield doubtful("mapping", what, "mend the rule's topic, or read that topic")
