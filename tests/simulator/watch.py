"""One static member's watch over its group, as `stream/group_watch.py` keeps it, with the real rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.ownership import Ownership

if TYPE_CHECKING:
    from .group import Group
    from .service import Process

LOOK_EVERY_S = 10.0


class FakeWatch:
    """Looks at the group now and then, for as long as its process lives."""

    def __init__(self, process: Process, group: Group, instance_id: str) -> None:
        self._process = process
        self._world = process.world
        self._group = group
        self._ownership = Ownership(instance_id)
        self._look_later()

    def _look_later(self) -> None:
        self._world.after(LOOK_EVERY_S, lambda: self._process.when_running(self._look))

    def _look(self) -> None:
        if self._process.is_reachable and self._group.is_up:
            look = self._group.look()
            if self._ownership.judge(look, self._world.now_s) and self._ownership.is_mine_to_mend(look):
                self._world.count("ownership_mended")
                self._world.note("mend", self._process.name)
                self._group.rebalance()
                self._ownership.mended(self._world.now_s)
        self._look_later()
