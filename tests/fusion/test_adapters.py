from __future__ import annotations

import torch

from traces_core.fusion.adapters import AppearanceAdapter, TemporalAdapter


def test_the_appearance_adapter_starts_as_the_identity_bit_for_bit() -> None:
    x = torch.randn(5, 4, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(AppearanceAdapter(16, 8, dropout=0.5)(x), x)


def test_the_appearance_adapter_can_leave_the_identity() -> None:
    adapter = AppearanceAdapter(16, 8)
    x = torch.randn(5, 4, 16, generator=torch.Generator().manual_seed(0))
    adapter(x).pow(3).sum().backward()
    assert all(float(p.grad.abs().max()) > 0 for p in adapter.change[-1].parameters() if p.grad is not None)
    with torch.no_grad():
        for parameter in adapter.change[-1].parameters():
            parameter.sub_(0.1 * parameter.grad)
    assert not torch.allclose(adapter(x), x)


def test_the_temporal_adapter_gives_the_width_of_clip_and_keeps_the_tokens_apart() -> None:
    adapter = TemporalAdapter(12, 16, 8).eval()
    x = torch.randn(5, 4, 12, generator=torch.Generator().manual_seed(0))
    whole = adapter(x)
    assert whole.shape == (5, 4, 16)
    torch.testing.assert_close(adapter(x[:, 2:3]), whole[:, 2:3])
