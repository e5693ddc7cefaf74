"""What can happen in the practice world, and where.

The list of contexts and of kinds of events belongs here. How an event looks belongs in `events`, how it
is described in `captions`, when it happens in `plans`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CONTEXTS: tuple[str, ...] = ("street", "corridor", "shop", "car_park", "plaza", "platform")
"""The kinds of places that the practice world draws."""

LIGHTS: tuple[str, ...] = ("day", "dusk", "night")
"""The light of a scene."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event."""

    name: str
    """Class name, as in annotations."""
    is_anomalous: bool
    """Whether an operator would want to be called."""
    action: str
    """The event as a label sentence, in words of the caption grammar."""
    contexts: tuple[str, ...] = CONTEXTS
    """Where it can happen."""
    open_set: bool = False
    """Anomalous, and named by no trace of the bank and by no clip of the adapters' training corpus."""
    people: tuple[int, int] = (1, 1)
    """Fewest and most figures that take part."""
    vehicles: tuple[int, int] = (0, 0)
    """Fewest and most vehicles that take part."""


_ROADS = ("street", "car_park")
_WALLS = ("street", "car_park", "plaza")
_SEATS = ("street", "corridor", "plaza", "platform")
_GLASS = ("street", "corridor", "shop", "car_park")

_ALL = (
    Kind("empty", False, "an empty scene with nobody", people=(0, 0)),
    Kind("walk", False, "a person is walking"),
    Kind("stand", False, "a person is standing still"),
    Kind("talk", False, "people are talking", people=(2, 2)),
    Kind("sit", False, "a person is sitting", _SEATS),
    Kind("push_cart", False, "a person is pushing a cart", ("shop", "car_park", "corridor", "platform")),
    Kind("carry_bag", False, "a person is carrying a bag"),
    Kind("cycle", False, "a person is riding a bicycle", _ROADS),
    Kind("drive_by", False, "a vehicle is driving past", _ROADS, people=(0, 0), vehicles=(1, 1)),
    Kind("park", False, "a vehicle is parking", _ROADS, people=(0, 0), vehicles=(1, 1)),
    Kind("group_walk", False, "a group of people is walking together", people=(3, 5)),
    Kind("hug", False, "people are hugging", people=(2, 2)),
    Kind("hand_over", False, "a person is giving a bag to another person", people=(2, 2)),
    Kind("kneel", False, "a person is kneeling down"),
    Kind("hurry", False, "a person is walking quickly"),
    Kind("dance", False, "people are dancing", ("street", "plaza", "platform"), people=(2, 3)),
    Kind("browse", False, "a shopper is looking at the shelves", ("shop",), people=(1, 2)),
    Kind("train", False, "a train is passing", ("platform",), people=(0, 0)),
    Kind("fight", True, "people are fighting", people=(2, 3)),
    Kind("fall", True, "a person is falling to the ground"),
    Kind("run", True, "a person is running away", people=(1, 2)),
    Kind("fire", True, "a fire is burning", people=(0, 0)),
    Kind("explosion", True, "an explosion is happening", people=(0, 0)),
    Kind("crash", True, "vehicles are crashing", _ROADS, people=(0, 0), vehicles=(2, 2)),
    Kind(
        "vehicle_on_walkway",
        True,
        "a vehicle is driving on the walkway",
        ("street", "plaza"),
        people=(0, 0),
        vehicles=(1, 1),
    ),
    Kind("scatter", True, "a crowd is scattering in panic", people=(4, 6)),
    Kind("snatch", True, "a thief is snatching a bag", people=(2, 2)),
    Kind("smash", True, "a person is smashing a window", _GLASS),
    Kind("crawl", True, "a person is crawling", open_set=True),
    Kind("climb", True, "a person is climbing up the wall", _WALLS, open_set=True),
    Kind("flood", True, "water is flooding the floor", people=(0, 0), open_set=True),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _ALL})
"""Every kind of event by its name."""


def kinds_in(context: str, *, anomalous: bool | None = None, open_set: bool | None = None) -> tuple[str, ...]:
    """Names of the kinds that can happen in a context, in the order of `KINDS`.

    Parameters
    ----------
    context : one of `CONTEXTS`.
    anomalous, open_set : keep only the kinds for which this holds; None keeps both.

    Examples
    --------
    >>> kinds_in("shop", anomalous=True, open_set=True)
    ('crawl', 'flood')
    """
    return tuple(
        kind.name
        for kind in _ALL
        if context in kind.contexts
        and (anomalous is None or kind.is_anomalous == anomalous)
        and (open_set is None or kind.open_set == open_set)
    )
