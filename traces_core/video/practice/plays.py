"""What the figures of every kind of event do, as states at a time after its beginning.

Timing of whole events belongs in `plans`, single bodies in `poses`, entering and leaving in `acts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from traces_core.video.practice import poses
from traces_core.video.practice.acts import Cast, Play, State, shuttle
from traces_core.video.practice.figures import Pose, blend
from traces_core.video.practice.poses import ramp, wave
from traces_core.video.practice.scenes import WIDTH


def _moving(cast: Cast, u: float, effort: float, speed: tuple[float, float], prop: str = "") -> list[State]:
    """To and fro across the view; `speed` from slow to fast, in figure heights a second."""
    states = []
    for number, actor in enumerate(cast.actors):
        way = (speed[0] + (speed[1] - speed[0]) * actor.pace) * actor.height * u
        start = 0.15 + 0.7 * actor.phase if cast.event.mid_motion else 0.03 * number
        x, facing = shuttle(start, way, cast.actors[0].heading)
        stride = (0.55 + 0.5 * effort) * actor.height
        pose = poses.gait(actor.phase + way / stride, effort, arms=prop != "cart")
        states.append(State(x, facing, _holding(pose, prop), prop))
    return states


def _holding(pose: Pose, prop: str) -> Pose:
    if prop == "cart":
        return Pose(pose.thighs, pose.shins, (44, 50), (76, 80), lean=8)
    if prop == "bag":
        return Pose(pose.thighs, pose.shins, (pose.uppers[0], 3), (pose.fores[0], 6), lean=4)
    return pose


def _walk(cast: Cast, u: float) -> list[State]:
    return _moving(cast, u, 0.0, (0.40, 0.60))


def _hurry(cast: Cast, u: float) -> list[State]:
    return _moving(cast, u, 0.3, (0.72, 0.92))


def _run(cast: Cast, u: float) -> list[State]:
    states = _moving(cast, u, 1.0, (1.35, 1.8))
    if len(states) == 2:  # a chase: the second keeps behind the first
        lead, actor = states[0], cast.actors[1]
        behind = 0.62 * actor.height + 6 * wave(0.4 * u)
        pose = poses.gait(actor.phase + u * 1.5, 1.0)
        states[1] = State(lead.x - lead.facing * behind, lead.facing, pose)
    return states


def _push_cart(cast: Cast, u: float) -> list[State]:
    return _moving(cast, u, 0.0, (0.36, 0.52), "cart")


def _carry_bag(cast: Cast, u: float) -> list[State]:
    return _moving(cast, u, 0.0, (0.40, 0.58), "bag")


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


def _fight(cast: Cast, u: float) -> list[State]:
    pace = 1.5 + 0.7 * cast.dice[0]
    drift = 9 * wave(0.27 * u + cast.dice[1]) + 4 * wave(0.71 * u + cast.dice[2])
    states = []
    for number, actor in enumerate(cast.actors):
        side = -1 if number % 2 == 0 else 1
        gap = (0.21 + 0.30 * (number // 2)) * actor.height + 6 * wave((0.5 + 0.2 * number) * u + actor.phase)
        pose = poses.punching(u, actor.phase, pace)
        states.append(State(cast.x + drift + side * gap, -side, pose, "", 2.0 * number))
    return states


def _fall(cast: Cast, u: float) -> list[State]:
    actor = cast.actors[0]
    began = 0.1
    if cast.event.mid_motion:
        began = -1.0 if cast.dice[0] < 0.25 else 0.1 + 0.9 * cast.dice[0]
    speed = 0.45 * actor.height * (1 if cast.dice[1] < 0.6 else 0)
    walked = speed * min(u, max(0.0, began))
    x = cast.x + actor.heading * (walked - 0.45 * actor.height)
    if u < began:
        pose = poses.gait(actor.phase + walked / (0.55 * actor.height), 0.0) if speed else poses.idle(u, 0.0)
        return [State(x, actor.heading, pose)]
    backwards = cast.dice[2] < 0.35
    shift = 0.9 * actor.height * actor.heading if backwards else 0.0
    return [State(x + shift, actor.heading, poses.falling(u - began, backwards))]


def _scatter(cast: Cast, u: float) -> list[State]:
    states = []
    shock_s = 0.25 if not cast.event.mid_motion else 0.1 + 0.4 * cast.dice[0]
    for number, actor in enumerate(cast.actors):
        home = 64 + 0.5 * (cast.x - 64) + (number - (len(cast.actors) - 1) / 2) * 11
        heading = 1 if (number % 2 == 0) == (cast.dice[1] < 0.5) else -1
        way = (1.2 + 0.7 * actor.pace) * actor.height * max(0.0, u - shock_s - 0.25 * actor.phase)
        x, facing = shuttle((home + 40) / (WIDTH + 80) if heading > 0 else (WIDTH - home + 40) / (WIDTH + 80), way,
                            heading, margin=40.0)  # fmt: skip
        drop = 6 * wave(0.31 * number + cast.dice[2]) * ramp(way, 0, 50)
        pose = poses.gait(actor.phase + way / (1.0 * actor.height), 1.0)
        if number % 3 == 1:
            pose = Pose(pose.thighs, pose.shins, (146, 158), (162, 176), lean=12, lift=pose.lift)
        states.append(State(x, facing, pose if way > 0 else poses.idle(u, actor.phase), "", drop))
    return states


def _snatch(cast: Cast, u: float) -> list[State]:
    thief, victim = cast.actors[0], cast.actors[1]
    grab_s = 0.7 + 0.6 * cast.dice[0]
    heading, speed = thief.heading, (1.45 + 0.35 * thief.pace) * thief.height
    middle = 64 + 0.4 * (cast.x - 64)
    way = speed * (u - grab_s)
    running = poses.gait(thief.phase + way / (1.05 * thief.height), 1.0)
    stolen = u >= grab_s
    pull = ramp(u, grab_s - 0.35, grab_s - 0.05) - ramp(u, grab_s + 0.1, grab_s + 0.4)
    grabbing = blend(running, Pose(running.thighs, running.shins, (70, 84), (84, 92), lean=24), pull)
    if stolen:
        grabbing = Pose(grabbing.thighs, grabbing.shins, (60, 44), (110, 96), lean=20, lift=grabbing.lift)
    robbed = [
        State(
            middle - 0.25 * heading * thief.height + heading * way, heading, grabbing, "bag" if stolen else ""
        )
    ]
    after = max(0.0, u - grab_s)
    x = middle + heading * 0.3 * victim.height * after
    if not stolen:
        pose = _holding(poses.idle(u, victim.phase), "bag")
    else:
        chase = poses.gait(victim.phase + after * 1.2, 0.5)
        waving = poses.alarmed(u, victim.phase)
        pose = Pose(chase.thighs, chase.shins, waving.uppers, waving.fores, lean=14)
    return [*robbed, State(min(118.0, max(10.0, x)), heading, pose, "" if stolen else "bag")]


def _smash(cast: Cast, u: float) -> list[State]:
    actor = cast.actors[0]
    left, _, right, _ = cast.scene.pane
    side = 1 if cast.dice[0] < 0.5 else -1
    x = left - 0.16 * actor.height if side > 0 else right + 0.16 * actor.height
    return [State(x, side, poses.striking(u, smash_pace(cast)), "bar", min(0.0, 84 - actor.y))]


def smash_pace(cast: Cast) -> float:
    """Blows a second against a window."""
    return 1.2 + 0.5 * cast.dice[1]


def _crawl(cast: Cast, u: float) -> list[State]:
    actor = cast.actors[0]
    way = (0.16 + 0.10 * actor.pace) * actor.height * u
    start = 0.15 + 0.6 * actor.phase if cast.event.mid_motion else 0.12
    x, facing = shuttle(start, way, actor.heading)
    return [State(x, facing, poses.crawling(actor.phase + way / (0.22 * actor.height)))]


def _climb(cast: Cast, u: float) -> list[State]:
    actor = cast.actors[0]
    left, right = cast.scene.wall
    up = (
        0.5
        * actor.height
        * ramp(u, 0.0, 0.5 * cast.length_s)
        * (1 - ramp(u, cast.length_s - 0.8, cast.length_s))
    )
    if cast.event.mid_motion:
        up = min(0.5, 0.1 + 0.15 * u) * actor.height
    pose = poses.climbing(actor.phase + 0.9 * u)
    x = (left + right) / 2 + 4 * (cast.dice[0] - 0.5)
    return [State(x, actor.heading, pose, "", min(0.0, 82 - actor.y) - up)]


PLAYS: Mapping[str, Play] = {
    "walk": _walk, "stand": _stand, "talk": _talk, "sit": _sit, "push_cart": _push_cart,
    "carry_bag": _carry_bag, "cycle": _cycle, "group_walk": _group_walk, "hug": _hug,
    "hand_over": _hand_over, "kneel": _kneel, "hurry": _hurry, "dance": _dance, "browse": _browse,
    "fight": _fight, "fall": _fall, "run": _run, "scatter": _scatter, "snatch": _snatch,
    "smash": _smash, "crawl": _crawl, "climb": _climb,
}  # fmt: skip
"""What the figures do, by kind."""
