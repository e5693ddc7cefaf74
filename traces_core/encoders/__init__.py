"""Encoders: one protocol each for images, texts and windows, and the models that follow them.

`base` has the protocols, `settings` what can be chosen, `clip` and `timesformer` the encoders, `pocket`
the shipped weights, `pretraining` how they were made. Nothing is imported here: torch takes seconds.
"""
