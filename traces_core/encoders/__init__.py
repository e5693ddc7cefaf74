"""Encoders: one protocol each for images, texts and windows, and the models that follow them.

`base` has the protocols, `settings` what can be chosen, `clip` and `timesformer` the encoders, `features`
what they see in a video, `pocket` the shipped weights; how those were made is in
`traces_core.practice.pretraining`. Nothing is imported here: torch takes seconds.
"""
