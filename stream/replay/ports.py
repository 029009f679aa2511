"""What a replay needs of Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..model import Message, TopicPartition
    from ..outcomes import Published
    from .decision import Decision, Place
    from .original import Resend


class Found(NamedTuple):
    """A message that was read back; without its headers where the client cannot read their names."""

    message: Message
    is_whole: bool


class Log(Protocol):
    """The topics, as far as a replay looks at them and writes to them."""

    def begin(self) -> None:
        """Become the only replay of this group: an earlier one is fenced off, and what it left open is ended."""
        ...

    def outcomes(self, since_ms: int | None) -> Iterator[Published]:
        """Read the outcomes that are committed now.

        Args:
            since_ms: begin with those published then, milliseconds since 1970; None: with the first.
        """
        ...

    def undecided(self) -> Iterator[Message]:
        """Read the committed messages of the input that the service has not decided.

        Every outcome of the others is among those that `outcomes` gives afterwards.
        """
        ...

    def expect(self, planned: Sequence[Decision]) -> None:
        """Be told which messages are going to be sent again."""
        ...

    def originals(self, failed: Sequence[Decision]) -> Mapping[Place, Found]:
        """Read messages back, from the input or from their dead letters; those that are gone are missing.

        Args:
            failed: outcomes, some of the planned ones.

        Returns:
            What was found, by origin.
        """
        ...

    def largest_bytes(self, topic: str) -> int:
        """Tell how large a message a topic takes."""
        ...

    def write(self, parcel: Sequence[Resend]) -> Sequence[int]:
        """Open a transaction and write messages, each to its partition; return their offsets."""
        ...

    def written_so_far(self) -> Iterator[Message]:
        """Read on in the input, from where `undecided` ended or the last call did, to where it ends now.

        To be called before a transaction is open, which may not last for as long as this takes.
        """
        ...

    def written_since(self, ends: Mapping[TopicPartition, int]) -> Iterator[Message]:
        """Read on in the input, from where `undecided` ended or the last call did.

        Args:
            ends: at least up to these offsets, included; all that stands there by now, committed or not.
        """
        ...

    def commit(self) -> None:
        """Commit the transaction."""
        ...

    def abort(self) -> None:
        """End the transaction, as if nothing had been written."""
        ...
