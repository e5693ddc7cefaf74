"""Going to and fro, as many kinds of events do.

What else figures do belongs in `plays` and `troubles`.
"""

from __future__ import annotations

from traces_core.practice import poses
from traces_core.practice.acts import Cast, State, shuttle
from traces_core.practice.figures import Pose


def moving(cast: Cast, u: float, effort: float, speed: tuple[float, float], prop: str = "") -> list[State]:
    """To and fro across the view; `speed` from slow to fast, in figure heights a second."""
    states = []
    for number, actor in enumerate(cast.actors):
        way = (speed[0] + (speed[1] - speed[0]) * actor.pace) * actor.height * u
        start = 0.15 + 0.7 * actor.phase if cast.event.mid_motion else 0.03 * number
        x, facing = shuttle(start, way, cast.actors[0].heading)
        stride = (0.55 + 0.5 * effort) * actor.height
        pose = poses.gait(actor.phase + way / stride, effort, arms=prop != "cart")
        states.append(State(x, facing, holding(pose, prop), prop))
    return states


def holding(pose: Pose, prop: str) -> Pose:
    """The pose of a walker who holds a cart or a bag."""
    if prop == "cart":
        return Pose(pose.thighs, pose.shins, (44, 50), (76, 80), lean=8)
    if prop == "bag":
        return Pose(pose.thighs, pose.shins, (pose.uppers[0], 3), (pose.fores[0], 6), lean=4)
    return pose
