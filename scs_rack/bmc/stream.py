"""From an asynchronous iterator to an ordinary one, for callers that are not asynchronous themselves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def stream(make: Callable[[], AsyncIterator[T]]) -> Iterator[T]:
    """Give the items of an asynchronous iterator as they come, from an event loop of its own in this thread.

    Args:
        make: makes the iterator; it is closed when the caller stops early.
    """
    with asyncio.Runner() as runner:
        source = make()

        async def take() -> T:
            return await anext(source)

        async def close() -> None:
            ending = getattr(source, "aclose", None)
            if ending is not None:
                await ending()

        try:
            while True:
                try:
                    item = runner.run(take())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            runner.run(close())
