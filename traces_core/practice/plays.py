"""What the figures of every kind of event do, as states at a time after its beginning.

Timing of whole events belongs in `plans`, single bodies in `poses`, entering and leaving in `acts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from traces_core.practice import poses, troubles
from traces_core.practice.acts import Cast, Play, State, shuttle
from traces_core.practice.figures import Pose, blend
from traces_core.practice.movement import moving
from traces_core.practice.poses import ramp, wave


def _walk(cast: Cast, u: float) -> list[State]:
    return moving(cast, u, 0.0, (0.40, 0.60))


def _hurry(cast: Cast, u: float) -> list[State]:
    return moving(cast, u, 0.3, (0.72, 0.92))


def _push_cart(cast: Cast, u: float) -> list[State]:
    return moving(cast, u, 0.0, (0.36, 0.52), "cart")


def _carry_bag(cast: Cast, u: float) -> list[State]:
    return moving(cast, u, 0.0, (0.40, 0.58), "bag")


def _cycle(cast: Cast, u: float) -> list[State]:
    actor = cast.actors[0]
    way = (0.75 + 0.5 * actor.pace) * actor.height * u
    start = 0.15 + 0.7 * actor.phase if cast.event.mid_motion else 0.0
    x, facing = shuttle(start, way, actor.heading, margin=26.0)
    pose = poses.cycling(actor.phase + way / (1.1 * actor.height))
    return [State(x, facing, pose, "bicycle")]


def _group_walk(cast: Cast, u: float) -> list[State]:
    lead = cast.actors[0]
    way = (0.40 + 0.16 * lead.pace) * lead.height * u
    start = 0.2 + 0.5 * lead.phase if cast.event.mid_motion else 0.0
    states = []
    for number, actor in enumerate(cast.actors):
        x, facing = shuttle(start, way - 13.0 * number + 40, lead.heading, margin=54.0)
        pose = poses.gait(actor.phase + way / (0.55 * actor.height), 0.0)
        states.append(State(x, facing, pose, "", 3.0 * wave(0.37 * number)))
    return states


def _stand(cast: Cast, u: float) -> list[State]:
    actor = cast.actors[0]
    return [State(cast.x, actor.heading, poses.idle(u, actor.phase))]


def _facing_pair(
    cast: Cast, gap: float, left: Pose, right: Pose, props: tuple[str, str] = ("", "")
) -> list[State]:
    half = 0.5 * gap * cast.actors[0].height
    return [State(cast.x - half, 1, left, props[0]), State(cast.x + half, -1, right, props[1])]


def _talk(cast: Cast, u: float) -> list[State]:
    first = cast.dice[0]
    gap = 0.42 + 0.16 * cast.dice[1]
    return _facing_pair(cast, gap, poses.talking(u, first), poses.talking(u, first + 0.5))


def _hug(cast: Cast, u: float) -> list[State]:
    apart = 0.22 * (1 - ramp(u, 0.0, 0.6)) if not cast.event.mid_motion else 0.0
    sway = 2.5 * wave(0.35 * u + cast.dice[0])
    embrace = Pose(
        **{**{n: getattr(poses.EMBRACING, n) for n in Pose.__dataclass_fields__}, "lean": 6 + sway}
    )
    return _facing_pair(cast, 0.20 + apart, embrace, replace(poses.EMBRACING, lean=6 - sway))


def _hand_over(cast: Cast, u: float) -> list[State]:
    length_s = min(cast.length_s, 5.0)
    moment = length_s * (0.35 + 0.25 * cast.dice[0])
    stretch = ramp(u, moment - 0.9, moment - 0.1) - ramp(u, moment + 0.4, moment + 1.2)
    quiet = [poses.idle(u, actor.phase) for actor in cast.actors]
    arms = Pose((-3, 4), (-3, 3), (4, 62), (12, 78), lean=5)
    given = u >= moment
    props = ("", "bag") if given else ("bag", "")
    return _facing_pair(cast, 0.55, blend(quiet[0], arms, stretch), blend(quiet[1], arms, stretch), props)


def _sit(cast: Cast, u: float) -> list[State]:
    actor = cast.actors[0]
    offset = 8 * (cast.dice[0] - 0.5)
    x, y = cast.scene.bench
    nod = Pose(
        **{
            **{n: getattr(poses.SITTING, n) for n in Pose.__dataclass_fields__},
            "lean": -4 + 4 * wave(0.3 * u),
        }
    )
    down = 1.0 if cast.event.mid_motion else ramp(u, 0.0, 0.7)
    standing = Pose((-3, 4), (-3, 3), (-4, 5), (2, 12), hips=0.47)
    pose = nod if down >= 1.0 else blend(standing, nod, down)
    return [State(x + offset, actor.heading, pose, "", y + 1 - actor.y)]


def _kneel(cast: Cast, u: float) -> list[State]:
    actor = cast.actors[0]
    start = 0.0 if cast.event.mid_motion and cast.dice[0] < 0.5 else 0.2
    down = ramp(u, start, start + 0.9) - ramp(u, cast.length_s - 0.9, cast.length_s)
    busy = 7 * wave(1.1 * u)
    low = Pose(
        poses.KNEELING.thighs, poses.KNEELING.shins, (35 + busy, 45 - busy), (25 - busy, 40 + busy), lean=24
    )
    return [State(cast.x, actor.heading, blend(poses.idle(u, actor.phase), low, down))]


def _dance(cast: Cast, u: float) -> list[State]:
    pace = 0.75 + 0.35 * cast.dice[0]
    return [
        State(_spread(cast, number, 0.52), 1 if number % 2 == 0 else -1, poses.dancing(u, actor.phase, pace))
        for number, actor in enumerate(cast.actors)
    ]


def _spread(cast: Cast, number: int, gap: float) -> float:
    middle = (len(cast.actors) - 1) / 2
    return cast.x + (number - middle) * gap * cast.actors[0].height


def _browse(cast: Cast, u: float) -> list[State]:
    states = []
    for number, actor in enumerate(cast.actors):
        x = _spread(cast, number, 0.75) + 6 * wave(0.06 * u + actor.phase)
        states.append(State(x, actor.heading, poses.reaching(u, actor.phase), "", min(0.0, 82 - actor.y)))
    return states


PLAYS: Mapping[str, Play] = {
    "walk": _walk,
    "stand": _stand,
    "talk": _talk,
    "sit": _sit,
    "push_cart": _push_cart,
    "carry_bag": _carry_bag,
    "cycle": _cycle,
    "group_walk": _group_walk,
    "hug": _hug,
    "hand_over": _hand_over,
    "kneel": _kneel,
    "hurry": _hurry,
    "dance": _dance,
    "browse": _browse,
    "fight": troubles.fight,
    "fall": troubles.fall,
    "run": troubles.run,
    "scatter": troubles.scatter,
    "snatch": troubles.snatch,
    "smash": troubles.smash,
    "crawl": troubles.crawl,
    "climb": troubles.climb,
}
"""What the figures do, by kind."""
