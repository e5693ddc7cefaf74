"""A context small enough to read at a glance, as a file."""

from __future__ import annotations

YARD = """\
context: yard
scene: An empty yard behind a house.
normal:
  - A cat sleeps on a wall.
  - A man waters the flowers.
anomalous:
  fire:
    - Flames rise from a bin.
    - A shed is burning in the dark.
  theft:
    - A stranger lifts a bicycle over the fence.
    - Somebody carries tools out of the shed at night.
tags: [outdoors]
"""
