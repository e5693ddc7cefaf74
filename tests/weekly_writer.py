"""What a language model writes for the weekly bank: with one seed it calls peace an anomaly, else not."""

from __future__ import annotations

import json

from misbehaving_server import Answer, Request

BAD, GOOD = 1300, 2100
PEACE = (
    "past the shops a woman is strolling slowly and looking around",
    "on the street nobody can be seen and nothing is moving",
    "a person stands beside the road and waits quietly",
    "a man walks calmly along the pavement",
)
PLACES = ("gate", "fence", "door", "lamp", "bench", "wall", "stairs", "corner")
WRITING = """\
writing: # whoever writes
  model: small-writer
  pairs_per_class: 2
  maximum_cosine: 1.0
  seed: 0 # ours
"""


def reply(request: Request) -> Answer:
    """The same pairs whatever the seed, except the first and the bad one: then it calls peace an anomaly."""
    is_bad = request.body["seed"] // 100 in (0, BAD // 100)
    pairs = [
        {
            "anomalous": f"{PEACE[i % 4] if is_bad else f'a {request.label} breaks out'} by the {place}",
            "normal": f"two friends shake hands by the {place} on {request.label} day",
        }
        for i, place in enumerate(PLACES[: request.count])
    ]
    sentences = [pair["normal"] for pair in pairs]
    return Answer(json.dumps({"pairs": pairs} if request.kind == "pairs" else {"sentences": sentences}))
