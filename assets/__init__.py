"""The asset graph as a book: one chapter a module, assets in the order they come to be.

sources, corpus, bank     what may happen, as sentences, then as vectors
footage, features         what was filmed, then what the encoders saw of it
adapters                  the fusion of appearance and time
scores, calibration       how anomalous each moment is, and when to call somebody
benchmark, ablations      how good that is, and why
checks                    the gates between the chapters
"""
