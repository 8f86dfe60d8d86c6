"""Changes when: what an attempt begins and ends with does.

One call of `run` is one attempt: opens the source, reads it, and leaves no thread behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.job_errors import NothingWanted
from server.outputs.port import Plan
from server.pipeline import planning
from server.pipeline.assembly import Assembly, Send
from server.pipeline.channel import Broken, Failure
from server.pipeline.intake import Opened, open_source
from server.pipeline.messages import Done, Entry, Posed, Progress, Start
from server.pipeline.pictures import Slots
from server.pipeline.reading import Reading
from storage.growing import GrowingFile

if TYPE_CHECKING:
    from av import VideoFrame


class Runner:
    """One attempt."""

    def __init__(
        self, file: GrowingFile, start: Start, send: Send, slots: Slots | None = None
    ) -> None:
        """`slots` are where pictures are put for who looks for poses."""
        self._file = file
        self._start = start
        self._send = send
        self._failure = Failure()
        self._failure.on_failure(lambda: file.abort(Broken()))
        self._slots = slots
        if slots is not None:
            slots.begin(self._failure)
        self._assembly: Assembly | None = None

    def run(self) -> Done:
        """Makes every cut there is. Raises one of the errors of `server.job_errors`."""
        opened = open_source(self._file, self._start.settings)
        try:
            return Reading(opened, self._file, self._start, self._failure, self._settle).run()
        except Broken:
            raise self._failure.error or Broken() from None
        finally:
            self._failure.fail(Broken())
            if self._assembly is not None:
                self._assembly.fanout.join()
            opened.container.close()

    def progress(self) -> Progress:
        """A snapshot, from any thread."""
        assembly = self._assembly
        return Progress(
            position=self._file.position,
            waiting=self._file.waiting,
            ticks=assembly.tick if assembly else 0,
            outputs=assembly.fanout.progress() if assembly else {},
        )

    def _settle(
        self,
        opened: Opened,
        plan: Plan,
        source: planning.PictureSource | None,
        entry: Entry | None,
    ) -> Assembly:
        """The first frame is there: from now on it is settled what is made."""
        self._assembly = Assembly(
            plan,
            planning.grid(plan, self._start.settings),
            self._failure,
            self._send,
            rotation=source.rotation if source else 0,
            rgb=source.rgb if source else False,
            entry=entry,
            look=self._look if self._slots is not None else None,
        )
        outputs, inits = self._assembly.fanout.facts()
        if not outputs:
            raise NothingWanted
        self._send(planning.facts(opened, plan, outputs, inits))
        return self._assembly

    def _look(self, frame: VideoFrame, tick: int, cut: int, warm: bool) -> None:
        """Hands a picture to who looks for poses; from the thread of an output."""
        assert self._slots is not None
        slot = self._slots.put(frame)
        size = {"width": frame.width, "height": frame.height}
        self._send(Posed(slot=slot, tick=tick, cut=cut, warm=warm, **size))
