"""SIGTERM and SIGINT during training: the state is saved and the run ends with a stated exit code.

Python runs signal handlers between two instructions of the main thread, which a compilation may keep from running for
minutes. A thread that reads from the wake-up descriptor receives a signal at once.
"""

from collections.abc import Iterator
import contextlib
import os
import signal
import sys
import threading

from experiments import errors

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupts:
    """Signals received, and whether everything is on disk so that the process may end at once.

    Attributes:
      received: name of the first signal, or None.
    """

    def __init__(self) -> None:
        """No signal has been received yet."""
        self.received: str | None = None
        self._can_leave = False
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def nothing_to_lose(self) -> Iterator[None]:
        """While this is entered, everything is on disk: the first signal ends the process at once."""
        self._set(can_leave=True)
        try:
            yield
        finally:
            self._set(can_leave=False)

    def _set(self, *, can_leave: bool) -> None:
        with self._lock:
            self._can_leave = can_leave
            if can_leave and self.received:
                self._leave()

    def hear(self, number: int) -> None:
        """Takes a signal.

        Args:
          number: its number.
        """
        name = signal.Signals(number).name
        with self._lock:
            if self.received:
                print(f"stopped: {name} again; ending at once", file=sys.stderr)
                errors.leave(128 + number)
            self.received = name
            if self._can_leave:
                self._leave()
        print(f"{name}: saving after this dispatch; a second signal ends at once", file=sys.stderr, flush=True)

    def _leave(self) -> None:
        errors.say(errors.InterruptedRun(f"{self.received}; everything is saved: the same command continues"))
        errors.leave(errors.INTERRUPTED)


@contextlib.contextmanager
def listen() -> Iterator[Interrupts]:
    """Takes the two signals as long as it is entered; elsewhere than in the main thread, none is taken.

    Yields:
      the signals received.
    """
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def forward() -> None:
        while number := os.read(reader, 1)[0]:
            # Others, such as that of a changed window, are written there, too.
            if number in SIGNALS:
                interrupts.hear(number)

    thread = threading.Thread(target=forward, daemon=True, name="signals")
    thread.start()
    # The thread does the work; without a handler Python would not write to the descriptor.
    before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
    descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield interrupts
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.write(writer, b"\0")
        thread.join()
        os.close(reader)
        os.close(writer)
