"""What happens when: a plan says everything about a practice video, and draws nothing.

Timing and casting belong here. What the kinds are belongs in `kinds`, how a plan looks in `drawing`, how
it is described in `captions`, and which plans make up a benchmark in `world`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from traces_core.practice.kinds import CONTEXTS, KINDS, LIGHTS, kinds_in
from traces_core.practice.phrases import COLOURS
from traces_core.types import Interval, Times

POOLS: tuple[str, ...] = ("generic", "held_out")
"""Generic: what encoders and adapters learn from. Held out: benchmark and calibration."""

GENERIC_CAMERAS = 100_000
"""How many cameras the generic pool has: clips hardly ever share one."""

_SIDES = ("left", "middle", "right")
_VEHICLES = ("car", "car", "van")
_LONGEST_S = {"snatch": 5.0, "explosion": 6.0, "scatter": 6.0, "crash": 8.0}


@dataclass(frozen=True, slots=True)
class Person:
    """One figure."""

    colour: str
    """Colour of the clothing, a name of `phrases.COLOURS`."""
    is_woman: bool
    """Drawn with long hair, described with the words for a woman."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """One vehicle."""

    model: str
    """`car` or `van`."""
    colour: str
    """Colour of the body, a name of `phrases.COLOURS`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens in a stretch of the video."""

    kind: str
    """Name in `KINDS`."""
    start_s: float
    """Second at which its motion begins."""
    end_s: float
    """Second at which its visible effect has ended."""
    seed: int
    """Fixes phases, speeds and places."""
    people: tuple[Person, ...] = ()
    """Who takes part, the acting one first."""
    vehicles: tuple[Vehicle, ...] = ()
    """Which vehicles take part."""
    side: str = "middle"
    """Part of the picture: `left`, `middle` or `right`."""
    distance: str = "near"
    """`near` or `far` from the camera."""
    mid_motion: bool = False
    """Whether a moving figure is already in view when the event begins (clips cut from the middle)."""


@dataclass(frozen=True)
class Plan:
    """Everything about one practice video; equal plans give the same frames, byte for byte."""

    name: str
    """Name of the video, without suffix."""
    context: str
    """One of `CONTEXTS`."""
    pool: str
    """`generic` or `held_out`."""
    seed: int
    """Seed of everything below."""
    rate: Fraction
    """Nominal frames per second."""
    duration_s: float
    """Length in seconds."""
    camera: int
    """Which fixed camera of this context and pool."""
    light: str
    """One of `LIGHTS`."""
    events: tuple[Event, ...]
    """What is annotated and captioned, by starting time."""
    passers: tuple[Event, ...] = ()
    """Background figures, neither annotated nor captioned."""
    variable_rate: bool = False
    """Whether the gaps between frames vary."""

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """All events, normal ones too, by starting time; they may overlap."""
        return tuple(Interval(event.start_s, event.end_s, event.kind) for event in self.events)

    @cached_property
    def frame_times_s(self) -> Times:
        """Seconds of every frame, float64 array of shape (F,), strictly rising from 0, on a 1 ms grid
        where the rate varies."""
        count = max(1, int(self.duration_s * self.rate))
        ticks = np.arange(count, dtype=np.float64) * float(1 / self.rate)
        if not self.variable_rate:
            return ticks
        jitter = generator(self.seed, "frame times").uniform(-0.35, 0.35, count) * float(1 / self.rate)
        jitter[0] = 0.0
        return np.round(ticks + jitter, 3)


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A random generator of its own for every (seed, names), the same on every machine."""
    text = "/".join(str(name) for name in (seed, *names))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))


def anomalous_intervals(plan: Plan) -> tuple[Interval, ...]:
    """The intervals of a plan for which an operator would want an alarm, by starting time."""
    return tuple(interval for interval in plan.intervals if KINDS[interval.label].is_anomalous)


def plan_clip(
    kind: str,
    context: str,
    *,
    pool: str = "generic",
    seed: int = 0,
    duration_s: float = 3.0,
    rate: Fraction = Fraction(16),
) -> Plan:
    """A short clip that shows one kind of event from the first frame to the last.

    Raises
    ------
    ValueError : where there is no such kind, context or pool, or the kind does not happen there.

    Examples
    --------
    >>> plan_clip("fight", "plaza", seed=3).intervals
    (Interval(start_s=0.0, end_s=3.0, label='fight'),)
    """
    _check(context, pool, (kind,))
    rng = generator(seed, "clip", kind, context, pool)
    event = _cast(kind, 0.0, duration_s, rng, mid_motion=True)
    elsewhere = tuple(side for side in _SIDES if side != event.side)
    passers = (
        ()
        if kind == "empty"
        else _passers(rng, duration_s, int(rng.choice(3, p=(0.5, 0.35, 0.15))), elsewhere)
    )
    return Plan(
        name=f"{context}_{kind}_{seed:06d}",
        context=context,
        pool=pool,
        seed=seed,
        rate=rate,
        duration_s=duration_s,
        camera=int(rng.integers(GENERIC_CAMERAS)),
        light=str(rng.choice(LIGHTS, p=(0.5, 0.25, 0.25))),
        events=(event,),
        passers=passers,
    )


def plan_video(
    context: str,
    *,
    pool: str = "held_out",
    seed: int = 0,
    duration_s: float = 60.0,
    anomalies: Sequence[str] = (),
    rate: Fraction = Fraction(16),
    variable_rate: bool = False,
    camera: int | None = None,
    light: str | None = None,
) -> Plan:
    """A long untrimmed video: normal life, with the named anomalies at random times.

    Parameters
    ----------
    anomalies : kinds to insert, in this order, each for 3 to 10 s, at least 4 s apart.
    camera : which camera of the pool; None draws one.
    light : one of `LIGHTS`; None draws one.

    Raises
    ------
    ValueError : for an unknown name, or where the anomalies do not fit into the duration.
    """
    _check(context, pool, anomalies)
    rng = generator(seed, "video", context, pool, *anomalies)
    spans = _place(rng, [_LONGEST_S.get(kind, 10.0) for kind in anomalies], duration_s)
    alarms = [_cast(kind, *span, rng) for kind, span in zip(anomalies, spans, strict=True)]
    life = _normal_life(context, rng, duration_s, spans)
    return Plan(
        name=f"{context}_{seed:06d}",
        context=context,
        pool=pool,
        seed=seed,
        rate=rate,
        duration_s=duration_s,
        camera=int(rng.integers(GENERIC_CAMERAS)) if camera is None else camera,
        light=_one_of(LIGHTS, rng) if light is None else light,
        events=tuple(sorted((*alarms, *life), key=lambda event: (event.start_s, event.end_s))),
        passers=_passers(rng, duration_s, max(1, round(duration_s / 15))),
        variable_rate=variable_rate,
    )


def _check(context: str, pool: str, kinds: Sequence[str]) -> None:
    if context not in CONTEXTS:
        raise ValueError(f"context {context!r} is none of the practice world's: {', '.join(CONTEXTS)}")
    if pool not in POOLS:
        raise ValueError(f"pool {pool!r} is none of {', '.join(POOLS)}")
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is none of the practice world's: {', '.join(KINDS)}")
        if context not in KINDS[kind].contexts:
            raise ValueError(f"{kind!r} does not happen in {context!r}, only in: {KINDS[kind].contexts}")


def _cast(
    kind: str,
    start_s: float,
    end_s: float,
    rng: np.random.Generator,
    *,
    mid_motion: bool = False,
    near: float = 0.75,
) -> Event:
    """Draw who takes part, where, and how near (with probability `near`) to the camera."""
    people = int(rng.integers(KINDS[kind].people[0], KINDS[kind].people[1] + 1))
    vehicles = int(rng.integers(KINDS[kind].vehicles[0], KINDS[kind].vehicles[1] + 1))
    return Event(
        kind=kind,
        start_s=start_s,
        end_s=end_s,
        seed=int(rng.integers(2**31)),
        people=tuple(Person(_one_of(COLOURS, rng), bool(rng.random() < 0.5)) for _ in range(people)),
        vehicles=tuple(Vehicle(_one_of(_VEHICLES, rng), _one_of(COLOURS, rng)) for _ in range(vehicles)),
        side=_one_of(_SIDES, rng),
        distance="near" if rng.random() < near else "far",
        mid_motion=mid_motion,
    )


def _one_of(names: Sequence[str], rng: np.random.Generator) -> str:
    return names[int(rng.integers(len(names)))]


def _passers(
    rng: np.random.Generator, duration_s: float, count: int, sides: Sequence[str] = _SIDES
) -> tuple[Event, ...]:
    """Background figures: they walk or stand, here and there."""
    passers = []
    for _ in range(count):
        kind = "walk" if rng.random() < 0.7 else "stand"
        length_s = min(duration_s, float(rng.uniform(4.0, 9.0)))
        start_s = float(rng.uniform(0.0, duration_s - length_s)) if duration_s > length_s else 0.0
        span = (round(start_s, 3), round(start_s + length_s, 3))
        passer = _cast(kind, *span, rng, mid_motion=length_s == duration_s, near=0.0)
        passers.append(replace(passer, side=_one_of(sides, rng)))
    return tuple(passers)


def _place(
    rng: np.random.Generator, longest_s: Sequence[float], duration_s: float
) -> list[tuple[float, float]]:
    """Spans for the anomalies: 3 s to their longest each, 4 s or more apart and away from both ends."""
    count = len(longest_s)
    free_s = duration_s - 4.0 * (count + 1)
    if count and free_s < 3.0 * count:
        raise ValueError(f"{count} anomalies do not fit into {duration_s} s: allow {7 * count + 4} s or more")
    extra_s = np.array([rng.uniform(0.0, longest - 3.0) for longest in longest_s])
    spare_s = free_s - 3.0 * count
    if count:
        extra_s *= min(1.0, 0.8 * spare_s / max(1e-9, float(extra_s.sum())))
    gaps = rng.dirichlet(np.ones(count + 1)) * (spare_s - extra_s.sum()) if count else np.zeros(1)
    spans, clock_s = [], 0.0
    for gap, more_s in zip(gaps[:-1].tolist(), extra_s.tolist(), strict=True):
        start_s = clock_s + 4.0 + gap
        clock_s = start_s + 3.0 + more_s
        spans.append((round(start_s, 3), round(clock_s, 3)))
    return spans


def _normal_life(
    context: str, rng: np.random.Generator, duration_s: float, taken: Sequence[tuple[float, float]]
) -> list[Event]:
    """Normal events one after another, with pauses, that leave the anomalies' spans (and 1 s) free."""
    kinds = kinds_in(context, anomalous=False)
    events: list[Event] = []
    clock_s = 0.0
    while clock_s < duration_s - 1.0:
        end_s = min(duration_s, clock_s + float(rng.uniform(3.5, 9.0)))
        inside = [span for span in taken if span[0] - 1.0 < end_s and clock_s < span[1] + 1.0]
        if inside:
            end_s = inside[0][0] - 1.0
        if end_s - clock_s >= 2.0:
            events.append(_cast(_one_of(kinds, rng), round(clock_s, 3), round(end_s, 3), rng))
        clock_s = inside[0][1] + 1.0 if inside else end_s + float(rng.uniform(0.0, 1.5))
    return events
