"""How bodies move: poses as functions of time.

What a single body does belongs here; where it goes and with whom belongs in `acts`.
"""

from __future__ import annotations

import math
from dataclasses import replace

from traces_core.practice.figures import Pose, blend

STANDING = Pose(thighs=(-3, 4), shins=(-3, 3), uppers=(-4, 5), fores=(2, 12))
"""Upright, arms hanging."""
KNEELING = Pose(thighs=(0, 82), shins=(-88, -4), uppers=(35, 45), fores=(25, 40), lean=22)
"""On one knee, hands towards the shoe."""
SITTING = Pose(thighs=(84, 88), shins=(4, -4), uppers=(18, 24), fores=(62, 70), lean=-4, hips=0.27)
"""On a bench."""
EMBRACING = Pose(thighs=(-2, 4), shins=(-4, 2), uppers=(62, 74), fores=(98, 104), lean=6)
"""Both arms around another."""
LYING = Pose(thighs=(8, -10), shins=(2, -24), uppers=(160, 40), fores=(150, 70), roll=88)
"""Flat on the ground, limbs slack."""


def wave(phase: float) -> float:
    """A sine of a phase in turns."""
    return math.sin(2 * math.pi * phase)


def ramp(value: float, start: float, end: float) -> float:
    """0 up to `start`, 1 from `end` on, a smooth rise between."""
    share = min(1.0, max(0.0, (value - start) / max(1e-9, end - start)))
    return share * share * (3 - 2 * share)


def gait(phase: float, effort: float, *, arms: bool = True) -> Pose:
    """A step of walking (effort 0), hurrying (0.4) or running (1); `phase` in double steps."""
    swing = 24 + 28 * effort
    left, right = wave(phase), wave(phase + 0.5)
    bend_left = 12 + 26 * max(0.0, wave(phase + 0.22)) * (1 + 1.9 * effort)
    bend_right = 12 + 26 * max(0.0, wave(phase + 0.72)) * (1 + 1.9 * effort)
    thighs = (swing * left + 6 * effort, swing * right + 6 * effort)
    reach = (20 + 40 * effort) if arms else 4
    elbow = 12 + 78 * effort
    uppers = (-reach * left, -reach * right)
    return Pose(
        thighs=thighs,
        shins=(thighs[0] - bend_left, thighs[1] - bend_right),
        uppers=uppers,
        fores=(uppers[0] + elbow, uppers[1] + elbow),
        lean=2 + 17 * effort,
        lift=0.05 * effort * abs(wave(phase)),
    )


def idle(time_s: float, phase: float) -> Pose:
    """Standing, with a little sway."""
    sway = wave(0.23 * time_s + phase)
    return Pose(
        thighs=(-3 - sway, 4 - sway),
        shins=(-3, 3),
        uppers=(-4 + 3 * sway, 5 + 2 * sway),
        fores=(4, 14 + 4 * sway),
        lean=1.5 * sway,
    )


def talking(time_s: float, phase: float) -> Pose:
    """Standing, one hand telling something now and then."""
    turn = ramp(wave(0.21 * time_s + phase), 0.0, 0.4)
    hand = wave(0.85 * time_s + phase)
    quiet = idle(time_s, phase)
    telling = Pose(
        thighs=quiet.thighs, shins=quiet.shins, uppers=(4, 24 + 8 * hand), fores=(14, 88 + 26 * hand), lean=3
    )
    return blend(quiet, telling, turn)


def punching(time_s: float, phase: float, pace: float) -> Pose:
    """A guard, quick punches with either hand, a kick now and then, and blows taken."""
    beat = pace * time_s + phase
    left, right = max(0.0, wave(beat)) ** 2, max(0.0, wave(beat + 0.5)) ** 2
    kick = max(0.0, wave(0.31 * pace * time_s + 1.7 * phase) - 0.72) / 0.28
    hurt = max(0.0, wave(0.43 * pace * time_s + 2.3 * phase + 0.3)) ** 3
    step = 12 * wave(0.5 * beat)
    return Pose(
        thighs=(-16 + step, 20 - step + 68 * kick),
        shins=(-24 + step, 4 - step + 62 * kick),
        uppers=(28 + 62 * left, 32 + 60 * right),
        fores=(128 - 34 * left, 134 - 42 * right),
        lean=12 + 10 * (left + right) - 34 * hurt - 14 * kick,
    )


def dancing(time_s: float, phase: float, pace: float) -> Pose:
    """Bouncing and swaying on the spot, arms up in rhythm."""
    beat = pace * time_s + phase
    sway, step = wave(beat), wave(2 * beat)
    return Pose(
        thighs=(-6 + 16 * sway, 6 + 16 * sway),
        shins=(-10 - 10 * step, -6 + 10 * step),
        uppers=(128 + 26 * sway, 138 - 26 * sway),
        fores=(166 + 30 * sway, 150 - 34 * sway),
        lean=9 * sway,
        lift=0.03 * abs(step),
    )


def falling(time_s: float, backwards: bool) -> Pose:
    """From a stumble (time 0) down to lying still (0.8 s on)."""
    drop = min(1.0, max(0.0, time_s / 0.75)) ** 1.8
    struggle = Pose(thighs=(-18, 26), shins=(-30, -10), uppers=(70, 110), fores=(100, 130), lean=14)
    lying = LYING if not backwards else replace(LYING, roll=-88.0, uppers=(-30, 130))
    if drop < 0.25:
        return blend(STANDING, struggle, drop / 0.25)
    return blend(struggle, lying, (drop - 0.25) / 0.75)


def crawling(phase: float) -> Pose:
    """On hands and knees, a phase in double steps."""
    step = wave(phase)
    return Pose(
        thighs=(4 + 22 * step, 4 - 22 * step),
        shins=(-86, -86),
        uppers=(-4 - 24 * step, -4 + 24 * step),
        fores=(6 - 10 * step, 6 + 10 * step),
        lean=82,
    )


def climbing(phase: float) -> Pose:
    """Hand over hand up a wall."""
    step = wave(phase)
    return Pose(
        thighs=(42 + 32 * step, 42 - 32 * step),
        shins=(-24 + 20 * step, -24 - 20 * step),
        uppers=(142 + 26 * step, 142 - 26 * step),
        fores=(164 + 10 * step, 164 - 10 * step),
        lean=6,
    )


def cycling(phase: float) -> Pose:
    """On a saddle, pedalling, hands on the bar."""
    left, right = wave(phase), wave(phase + 0.5)
    return Pose(
        thighs=(52 + 22 * left, 52 + 22 * right),
        shins=(-14 + 10 * left, -14 + 10 * right),
        uppers=(56, 60),
        fores=(74, 78),
        lean=26,
        hips=0.50,
    )


def striking(time_s: float, pace: float) -> Pose:
    """Swings of a bar against something in front; a hit at every whole number of `pace * time_s`."""
    swing = (pace * time_s) % 1.0
    raised = ramp(swing, 0.0, 0.62) - ramp(swing, 0.72, 0.98)
    return Pose(
        thighs=(-16, 20 - 8 * raised),
        shins=(-20, 2),
        uppers=(40 + 80 * raised, 62 + 92 * raised),
        fores=(70 + 90 * raised, 78 + 106 * raised),
        lean=16 - 24 * raised,
    )


def reaching(time_s: float, phase: float) -> Pose:
    """Standing before a shelf, a hand up to it now and then."""
    reach = ramp(wave(0.22 * time_s + phase), -0.2, 0.6)
    quiet = idle(time_s, phase)
    arms = Pose(thighs=quiet.thighs, shins=quiet.shins, uppers=(10, 96), fores=(40, 112), lean=6)
    return blend(quiet, arms, reach)


def alarmed(time_s: float, phase: float) -> Pose:
    """Standing with waving arms, calling for help."""
    hands = wave(1.7 * time_s + phase)
    return Pose(
        thighs=(-8, 10),
        shins=(-12, 4),
        uppers=(140 + 16 * hands, 150 - 16 * hands),
        fores=(160 + 26 * hands, 172 - 26 * hands),
        lean=4,
    )
