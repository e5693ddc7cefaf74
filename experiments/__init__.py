"""Benchmarks on public data sets: experiments, apart from the product.

    ped2            UCSD Ped2, learned from its normal training clips      make benchmark-ped2
    real_captions   UCF-Crime, from captions that others' VLMs wrote       make benchmark-real

Each has settings of its own (params.yaml beside its code), its steps, its page and its assets, which
`pipelines.definitions` puts beside the product's. An experiment may import `traces_core` and what `pipelines`
hands to assets; neither imports an experiment, and none is installed with the library.
"""
