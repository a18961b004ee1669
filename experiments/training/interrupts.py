"""Signals during training that ask for its end: the state is saved and the run ends with a stated exit code.

SIGTERM and SIGINT, SIGHUP (a terminal is closed) and SIGUSR1 (a scheduler announces the end of the time) do the same.

Python runs signal handlers between two instructions of the main thread, which a compilation may keep from running for
minutes. A thread that reads from the wake-up descriptor receives a signal at once.
"""

from collections.abc import Callable, Iterator
import contextlib
import os
import signal
import stat
import sys
import threading

from experiments import errors

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


class Interrupts:
    """Signals received, and whether everything is on disk so that the process may end at once.

    Attributes:
      received: name of the first signal, or None.
      check_saved: raises CommandError if what was saved is not there any more; called before the process ends.
    """

    def __init__(self) -> None:
        """No signal has been received yet."""
        self.received: str | None = None
        self.check_saved: Callable[[], None] = lambda: None
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
                _tell(f"stopped: {name} again; ending at once")
                errors.leave(128 + number)
            self.received = name
            if self._can_leave:
                self._leave()
        _tell(f"{name}: saving after this dispatch; a second signal ends at once")

    def _leave(self) -> None:
        try:
            self.check_saved()
            end: errors.CommandError = errors.InterruptedRun(
                f"{self.received}; everything is saved: the same command continues"
            )
        except errors.CommandError as error:
            end = error
        _tell("")
        errors.say(end)
        errors.leave(end.code)


def _tell(line: str) -> None:
    """Prints a line on standard error; a terminal that was closed is replaced by nothing, so that no print fails."""
    try:
        print(line, end="\n" if line else "", file=sys.stderr, flush=True)
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                os.dup2(nothing, descriptor)
        os.close(nothing)


@contextlib.contextmanager
def listen() -> Iterator[Interrupts]:
    """Takes the signals as long as it is entered; elsewhere than in the main thread, none is taken.

    SIGHUP stays ignored where it is: ``nohup`` asks for that.

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
    taken = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: None) for number in taken}
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
