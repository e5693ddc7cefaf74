"""What the figures of the anomalous kinds do, as states at a time after the beginning of an event.

Normal kinds and the list of all are in `plays`; single bodies in `poses`.
"""

from __future__ import annotations

from traces_core.practice import poses
from traces_core.practice.acts import Cast, State, shuttle
from traces_core.practice.figures import Pose, blend
from traces_core.practice.movement import holding, moving
from traces_core.practice.poses import ramp, wave
from traces_core.practice.scenes import WIDTH


def fight(cast: Cast, u: float) -> list[State]:
    """Two or three who punch, kick and stagger."""
    pace = 1.5 + 0.7 * cast.dice[0]
    drift = 9 * wave(0.27 * u + cast.dice[1]) + 4 * wave(0.71 * u + cast.dice[2])
    states = []
    for number, actor in enumerate(cast.actors):
        side = -1 if number % 2 == 0 else 1
        gap = (0.21 + 0.30 * (number // 2)) * actor.height + 6 * wave((0.5 + 0.2 * number) * u + actor.phase)
        pose = poses.punching(u, actor.phase, pace)
        states.append(State(cast.x + drift + side * gap, -side, pose, "", 2.0 * number))
    return states


def fall(cast: Cast, u: float) -> list[State]:
    """One who walks or stands, falls and lies still."""
    actor = cast.actors[0]
    began = 0.1
    if cast.event.mid_motion:
        began = -1.0 if cast.dice[0] < 0.25 else 0.1 + 0.9 * cast.dice[0]
    speed = 0.45 * actor.height * (1 if cast.dice[1] < 0.6 else 0)
    walked = speed * (min(u, began) - began) if began > 0 else 0.0  # below 0 until the fall begins
    backwards = cast.dice[2] < 0.35
    reach = (0.45 if backwards else -0.45) * actor.height  # so that the body comes to lie in view
    x = min(90.0, max(38.0, cast.x)) + actor.heading * (walked + reach)
    if u < began:
        pose = poses.gait(actor.phase + walked / (0.55 * actor.height), 0.0) if speed else poses.idle(u, 0.0)
        return [State(x, actor.heading, pose)]
    return [State(x, actor.heading, poses.falling(u - began, backwards))]


def run(cast: Cast, u: float) -> list[State]:
    """One who runs to and fro, or two in a chase."""
    states = moving(cast, u, 1.0, (1.35, 1.8))
    if len(states) == 2:  # a chase: the second keeps behind the first
        lead, actor = states[0], cast.actors[1]
        behind = 0.62 * actor.height + 6 * wave(0.4 * u)
        pose = poses.gait(actor.phase + u * 1.5, 1.0)
        states[1] = State(lead.x - lead.facing * behind, lead.facing, pose)
    return states


def scatter(cast: Cast, u: float) -> list[State]:
    """A crowd that bursts apart."""
    states = []
    shock_s = 0.25 if not cast.event.mid_motion else 0.1 + 0.4 * cast.dice[0]
    for number, actor in enumerate(cast.actors):
        home = 64 + 0.5 * (cast.x - 64) + (number - (len(cast.actors) - 1) / 2) * 11
        heading = 1 if (number % 2 == 0) == (cast.dice[1] < 0.5) else -1
        way = (1.2 + 0.7 * actor.pace) * actor.height * max(0.0, u - shock_s - 0.25 * actor.phase)
        x, facing = shuttle(
            (home + 40) / (WIDTH + 80) if heading > 0 else (WIDTH - home + 40) / (WIDTH + 80),
            way,
            heading,
            margin=40.0,
        )
        drop = 6 * wave(0.31 * number + cast.dice[2]) * ramp(way, 0, 50)
        pose = poses.gait(actor.phase + way / (1.0 * actor.height), 1.0)
        if number % 3 == 1:
            pose = Pose(pose.thighs, pose.shins, (146, 158), (162, 176), lean=12, lift=pose.lift)
        states.append(State(x, facing, pose if way > 0 else poses.idle(u, actor.phase), "", drop))
    return states


def snatch(cast: Cast, u: float) -> list[State]:
    """A thief who runs by and takes a bag; the victim waves and follows."""
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
        pose = holding(poses.idle(u, victim.phase), "bag")
    else:
        chase = poses.gait(victim.phase + after * 1.2, 0.5)
        waving = poses.alarmed(u, victim.phase)
        pose = Pose(chase.thighs, chase.shins, waving.uppers, waving.fores, lean=14)
    return [*robbed, State(min(118.0, max(10.0, x)), heading, pose, "" if stolen else "bag")]


def smash(cast: Cast, u: float) -> list[State]:
    """One who swings a bar at the window."""
    actor = cast.actors[0]
    left, _, right, _ = cast.scene.pane
    side = 1 if cast.dice[0] < 0.5 else -1
    x = left - 0.16 * actor.height if side > 0 else right + 0.16 * actor.height
    return [State(x, side, poses.striking(u, smash_pace(cast)), "bar", min(0.0, 84 - actor.y))]


def smash_pace(cast: Cast) -> float:
    """Blows a second against a window."""
    return 1.2 + 0.5 * cast.dice[1]


def crawl(cast: Cast, u: float) -> list[State]:
    """One on hands and knees."""
    actor = cast.actors[0]
    way = (0.16 + 0.10 * actor.pace) * actor.height * u
    start = 0.15 + 0.6 * actor.phase if cast.event.mid_motion else 0.12
    x, facing = shuttle(start, way, actor.heading)
    return [State(x, facing, poses.crawling(actor.phase + way / (0.22 * actor.height)))]


def climb(cast: Cast, u: float) -> list[State]:
    """One who goes up the wall."""
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
