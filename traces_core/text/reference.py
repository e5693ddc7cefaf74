"""Sentences of common words about what is plainly wrong, and what is plainly not: which side is which."""

from __future__ import annotations

WRONG = (
    "two people fight and hit each other",
    "a man is on the ground and does not move",
    "a person falls down hard",
    "somebody is hurt and lies on the ground",
    "a fire burns with flames and smoke",
    "smoke fills the place",
    "a car crashes into another car",
    "a person steals a bag and runs away",
    "a man with a gun threatens people",
    "somebody breaks a window",
    "people panic and run away",
    "an explosion",
    "a person attacks another person",
    "somebody climbs over the fence",
    "a person is dragged along the ground",
)
HARMLESS = (
    "a person walks by",
    "people walk calmly",
    "the place is empty and quiet",
    "nothing happens",
    "a man stands and waits",
    "two people talk to each other",
    "a person sits and rests",
    "a car drives by slowly",
    "people stand in line",
    "a woman carries a bag",
    "a person looks around and goes on",
    "an ordinary day with nothing unusual",
    "somebody cleans the floor",
    "a child plays",
    "a person rides by",
)
