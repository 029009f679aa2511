"""The topics of a service as a replay sees them: input, outcomes and dead letters, by three readers and a writer."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Self

from ..outcomes import read_published
from .original import from_letter, is_original, letter_place
from .ports import Found
from .reading import Reading
from .writing import Writing, largest_messages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..clock import Clock
    from ..model import Message, TopicPartition
    from ..outcomes import Published
    from ..settings import Kafka
    from .decision import Decision, Place
    from .original import Resend

_Letter = tuple["Place", str, str]
"""What a dead letter is of: position, result, code."""


class KafkaLog:
    """The real `Log`; as a context manager it lets go of the brokers, and takes back what is not committed."""

    def __init__(self, kafka: Kafka, clock: Clock) -> None:
        """Connect the readers.

        Args:
            kafka: the settings of the service.
            clock: for the readers.
        """
        self._kafka = kafka
        self._decided = Reading(kafka, clock, committed=True)
        self._all = Reading(kafka, clock, committed=False)
        self._onward = Reading(kafka, clock, committed=False)
        self._writing: Writing | None = None
        self._largest: dict[str, int] | None = None
        self._ends: dict[TopicPartition, int] = {}
        self._followed: dict[TopicPartition, int] = {}
        self._planned: frozenset[_Letter] = frozenset()
        self._letters: dict[_Letter, Place] | None = None

    def __enter__(self) -> Self:
        """Use it in a `with` block."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Let go."""
        if self._writing is not None:
            self._writing.close()
        for reading in (self._decided, self._all, self._onward):
            reading.close()

    def begin(self) -> None:
        """Become the only replay of this group."""
        self._writing = Writing(self._kafka)

    def outcomes(self, since_ms: int | None) -> Iterator[Published]:
        """Read the outcomes that are committed now; what is none is passed over."""
        begins, ends = self._span_of(self._kafka.outcome_topic)
        if since_ms is not None:
            found = self._all.since(begins, since_ms)
            begins = {each: found.get(each, end) for each, end in ends.items()}
        for message in self._decided.span(begins, ends):
            if (published := read_published(message)) is not None:
                yield published

    def undecided(self) -> Iterator[Message]:
        """Read the committed messages of the input that the service has not decided."""
        spans = [self._all.log_of(topic) for topic in self._kafka.input_topics]
        progress = self._all.undecided([each for span in spans for each in span])
        for span in map(self._span_of, self._kafka.input_topics):
            begins, ends = span
            self._ends |= ends
            begins |= {each: max(progress[each][0], begin) for each, begin in begins.items() if each in progress}
            for message in self._decided.span(begins, ends):
                if message.partition not in progress or message.offset not in progress[message.partition][1]:
                    yield message

    def expect(self, planned: Sequence[Decision]) -> None:
        """Stand where the plan's view of the input ends, and know which dead letters will be looked for."""
        self._planned = frozenset(map(_letter_of, planned))
        self._letters = None
        partitions = {each.partition for each in planned}
        self._followed = {each: end for each, end in self._ends.items() if each in partitions}
        self._onward.follow(self._followed)

    def originals(self, failed: Sequence[Decision]) -> Mapping[Place, Found]:
        """Read messages back: from the input, and those that are gone from there from their dead letters.

        Where another message has the place of one, or the log does not reach so far, the topic was made anew: between
        its messages and those of the former one there is no order, and what is sent would not be known again.
        """
        found: dict[Place, Found] = {}
        lost: list[Decision] = []
        by_place = sorted(failed, key=lambda each: (each.partition, each.offset))
        for partition, group in groupby(by_place, key=lambda each: each.partition):
            some = [each for each in group if each.offset < self._ends.get(partition, 0)]
            if not some:
                continue
            there = self._all.fetch(partition, [each.offset for each in some])
            found |= {each.origin: there[each.offset] for each in some if _is_it(each, there.get(each.offset))}
            lost += [each for each in some if each.offset not in there]
        for each in lost:
            if (letter := self._from_letter(each)) is not None:
                found[each.origin] = letter
        return found

    def largest_bytes(self, topic: str) -> int:
        """Tell how large a message a topic takes."""
        if self._largest is None:
            self._largest = largest_messages(self._kafka)
        return self._largest[topic]

    def write(self, parcel: Sequence[Resend]) -> Sequence[int]:
        """Open a transaction and write messages."""
        return self._begun().write(parcel)

    def written_so_far(self) -> Iterator[Message]:
        """Read on in the input to where it ends now."""
        return self._onward.onward(self._all.ends(self._followed))

    def written_since(self, ends: Mapping[TopicPartition, int]) -> Iterator[Message]:
        """Read on in the input."""
        return self._onward.onward({each: last + 1 for each, last in ends.items()})

    def commit(self) -> None:
        """Commit the transaction."""
        self._begun().commit()

    def abort(self) -> None:
        """End the transaction."""
        self._begun().abort()

    def _begun(self) -> Writing:
        if self._writing is None:
            raise RuntimeError("a dry run does not write")
        return self._writing

    def _span_of(self, topic: str) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        log = self._all.log_of(topic)
        return {each: begin for each, (begin, _) in log.items()}, {each: end for each, (_, end) in log.items()}

    def _from_letter(self, failed: Decision) -> Found | None:
        """Read the message out of its dead letter; these are looked through once, when the first is needed."""
        if self._letters is None:
            self._letters = dict(self._find_letters())
        place = self._letters.get(_letter_of(failed))
        if place is None:
            return None
        letter = self._all.fetch(place[0], [place[1]]).get(place[1])
        if letter is None or not letter.is_whole:
            return None
        message = from_letter(failed, letter.message)
        return None if message is None else Found(message, is_whole=True)

    def _find_letters(self) -> Iterator[tuple[_Letter, Place]]:
        if self._kafka.dead_letter_topic is None:
            return
        for message in self._decided.span(*self._span_of(self._kafka.dead_letter_topic)):
            letter = letter_place(message)
            if letter in self._planned and letter is not None:
                yield letter, (message.partition, message.offset)


def _letter_of(failed: Decision) -> _Letter:
    return (failed.partition, failed.offset), failed.result, failed.code


def _is_it(failed: Decision, found: Found | None) -> bool:
    return found is not None and is_original(failed, found.message)
