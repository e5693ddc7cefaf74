"""Work done ahead on a thread, so that decoding hides behind the encoders.

It takes anything that can be iterated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """The producer is done; `error` is what stopped it, if something did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetch(iterable: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """The same items in the same order, up to `depth` of them made ahead on a thread of their own.

    Parameters
    ----------
    iterable : iterable
        Iterated on the thread, from the moment the first item is asked for. A generator is closed there.
    depth : int
        Items that may exist ahead of the one in the consumer's hands, 1 or more.

    Yields
    ------
    Item
        The items. What the iterable raises is raised here, after the items before it.

    Notes
    -----
    The thread ends when the items do, when one fails, and when the consumer stops early (a `break`, an
    exception, a generator collected): closing waits for the item in the making, then for the thread.

    Examples
    --------
    >>> list(prefetch(range(4), depth=2))
    [0, 1, 2, 3]
    """
    if depth < 1:
        raise ValueError(f"depth is {depth}; at least one item must be made ahead.")
    made: SimpleQueue[Item | _End] = SimpleQueue()
    room = Semaphore(depth)
    stopped: list[bool] = []
    thread = Thread(target=_produce, args=(iterable, made, room, stopped), name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            # No lasting name for the item: a batch that the consumer let go must not live on here.
            box = [made.get()]
            if isinstance(box[0], _End):
                break
            room.release()
            yield box.pop()  # type: ignore[misc]
        if box[0].error is not None:
            raise box[0].error
    finally:
        stopped.append(True)
        room.release()
        thread.join()


def _produce(
    iterable: Iterable[Item], made: SimpleQueue[Item | _End], room: Semaphore, stopped: list[bool]
) -> None:
    """Fill `made` while there is room and a consumer; never raises, the end carries the error."""
    end = _End()
    try:
        iterator = iter(iterable)
        try:
            while True:
                room.acquire()
                if stopped:
                    break
                made.put(next(iterator))
        except StopIteration:
            pass
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
    except BaseException as error:
        end = _End(error)
    made.put(end)
