"""Ctrl-C: the first asks for an orderly stop, the second kills what runs."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from scs_rack.engine.stage import Stop

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stoppable(stop: Stop, said: Callable[[int], None] = lambda _times: None) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into a request to stop; use it in the main thread.

    Args:
        stop: where the request is put.
        said: told how often the operator asked (1, 2).
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.requested.is_set():
            stop.now.set()
            said(2)
        else:
            stop.requested.set()
            said(1)

    before = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
