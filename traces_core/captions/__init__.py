"""Captions: what a VLM wrote about stretches of video, as a stream of scores.

    table ──> sentences ──> stream ──> scores        writer: from videos to a table

`table` reads and checks, `sentences` cuts, `stream` scores in the space of a sentence encoder through the
bank and the scorers that frames go through, `trailing` looks back over time, `writer` asks a VLM. The
encoder is `traces_core.encoders.sentence`, judging is `traces_core.metrics`. No language model is asked for
a score.
"""
