"""Dense predictive coding: what the next block should look like, place by place, and how far off it was.

    blocks ─> grids (3D encoder, or given tokens) ─> ConvGRU ─> predicted grids ─┬─ training: CPC loss
                                                                                 └─ inference: surprise

Plain PyTorch: tensors in, tensors out. Which footage is used, what is kept and what it is measured on belongs
in `traces_core.steps`. Nothing is imported here: who reads the settings does not wait for torch.
"""
