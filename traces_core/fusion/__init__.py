"""What stands between the frozen encoders and the bank: adapters, fusion, their training, late fusion.

Arrays in, arrays out. The encoders are in `traces_core.encoders`, the comparison with sentences in
`traces_core.scoring`; nothing here knows Dagster or MLflow (training reports through a callback).
Import from the modules: nothing is re-exported, so that reading the settings does not load torch.
"""
