"""The asset graph as a book: one chapter a module, assets in the order they come to be.

sources, corpus, bank         what may happen, as sentences, then as vectors
footage, features             what was filmed, then what the encoders saw of it
adapters                      the fusion of appearance and time
scores, calibration           how anomalous each moment is, and when an alarm is raised
benchmark, model, ablations   how good that is, the detector as others run it, and why it is as good
grids, context_aware,
context_scores                the Context-Aware system: what it sees, learns and says
captions, inbox               what a VLM said; videos as they come
checks                        the gates between the chapters

What an asset does is in the module of `traces_core.steps` with the chapter's name.
"""
