"""A small network that predicts normal places: their motion from their picture, and the picture itself.

    picture ─ encoder ─> code ─┬─ mixture of Student's t ─> motion
                               └─ decoder ───────────────> picture, half as large
    row alone ─────────────────── the same mixture ──────> motion

It predicts its own uncertainty, so its error is a negative log likelihood and may be compared between places.
What is improbable by normal standards is in `surprise`.

Notes
-----
After Nguyen and Meunier 2019 (motion from appearance); the mixture, its row-only twin and scales are ours.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from traces_core.errors import NotFiniteError
from traces_core.foreground.places import SIDE, Places
from traces_core.foreground.scene import Values
from traces_core.foreground.settings import ForegroundSettings
from traces_core.fusion.training_loop import fixed_threads

CODE, COMPONENTS = 16, 8
"""Width of the code, and components of the mixture."""
DROPPED = 0.2
"""Share of the code that is left out in training, or looks of single people are learned by heart."""
FREEDOM = 3
"""Degrees of freedom of Student's t: heavy tails."""
SUREST = 0.05
"""Least scale of a pixel."""
LOOK = 2.0
"""Weight of the picture's error in training."""


class PlaceNetwork(nn.Module):
    """Predicts motion and look of places.

    Parameters
    ----------
    settings
        Sizes of crop and core, and the least scale of a motion.
    """

    near: Tensor

    def __init__(self, settings: ForegroundSettings) -> None:
        super().__init__()
        self._still = settings.still

        def halved(inputs: int, outputs: int) -> list[nn.Module]:
            return [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU()]

        self.encoder = nn.Sequential(
            *halved(2, 16),
            *halved(16, 32),
            *halved(32, 64),
            nn.Flatten(),
            nn.Linear(64 * (SIDE // 8) ** 2, CODE),
        )
        self.mixture = nn.Sequential(
            nn.Dropout(DROPPED), nn.Linear(CODE + 1, 64), nn.ReLU(), nn.Linear(64, COMPONENTS * 7)
        )
        self.decoder = nn.Sequential(
            nn.Linear(CODE, 512),
            nn.ReLU(),
            nn.Unflatten(1, (32, SIDE // 8, SIDE // 8)),
            nn.ConvTranspose2d(32, 16, 4, 2, 1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 4, 4, 2, 1),
        )
        off = ((torch.arange(SIDE // 2) + 0.5) / (SIDE // 2) - 0.5) * settings.crop
        near = torch.exp(-(off[:, None] ** 2 + off**2) / (2 * settings.core**2))
        self.register_buffer("near", near / near.sum())

    def forward(self, pictures: Tensor, rows: Tensor, motion: Tensor) -> Tensor:
        """Errors of prediction, nats.

        Parameters
        ----------
        pictures : (N, 2, SIDE, SIDE), as in `Places`.
        rows : (N,), -1 at the top of the frame, 1 at its foot.
        motion : (N, 3), as in `Places`.

        Returns
        -------
        (N, 3): of the motion, given the picture; of the motion, given the row alone; of the picture.
        """
        seen = torch.stack([(pictures[:, 0] - 128) / 64, pictures[:, 1] / 128], dim=1)
        code = self.encoder(seen)
        errors = [
            self._motion_error(code, rows, motion),
            self._motion_error(torch.zeros_like(code), rows, motion),
            self._look_error(code, seen),
        ]
        return torch.stack(errors, dim=1)

    def _motion_error(self, code: Tensor, rows: Tensor, motion: Tensor) -> Tensor:
        mixture = self.mixture(torch.cat([code, rows[:, None]], dim=1)).view(len(code), COMPONENTS, 7)
        scale = self._still + F.softplus(mixture[..., 4:])
        off = (motion[:, None] - mixture[..., 1:4]) / scale
        density = (FREEDOM + 1) / 2 * torch.log1p(off**2 / FREEDOM) + scale.log()
        return -torch.logsumexp(mixture[..., 0].log_softmax(dim=1) - density.sum(dim=2), dim=1)

    def _look_error(self, code: Tensor, seen: Tensor) -> Tensor:
        decoded = self.decoder(code)
        scale = SUREST + F.softplus(decoded[:, 2:])
        error = (F.avg_pool2d(seen, 2) - decoded[:, :2]).abs() / scale + scale.log()  # Laplace
        weighed: Tensor = error * self.near
        return weighed.sum(dim=(2, 3)).mean(dim=1)


def train_network(places: Places, rows: Values, settings: ForegroundSettings, seed: int) -> PlaceNetwork:
    """Train a network on normal places.

    Parameters
    ----------
    rows : float32 (N,), as in `PlaceNetwork.forward`.

    Raises
    ------
    NotFiniteError
        If the loss is NaN or infinite.

    Notes
    -----
    One thread: the same input and seed give the same weights, bit for bit, on one machine.
    """
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]), fixed_threads(1):
        torch.manual_seed(seed)
        network = PlaceNetwork(settings)
        batches = max(1, len(places) // settings.batch)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=settings.epochs * batches
        )
        for _ in range(settings.epochs):
            order = rng.permutation(len(places))
            for batch in range(batches):
                chosen = np.sort(order[batch * settings.batch : (batch + 1) * settings.batch])
                pictures, motion = _some(places, chosen)
                if rng.random() < 0.5:  # mirrored, a scene is as normal
                    pictures, motion = pictures.flip(3), motion * torch.tensor([-1.0, 1.0, 1.0])
                errors = network(pictures, torch.from_numpy(rows[chosen]), motion).mean(dim=0)
                loss = errors[0] + errors[1] + LOOK * errors[2]
                if not torch.isfinite(loss):
                    raise NotFiniteError(
                        f"train_network: the loss is {float(loss.detach())}. Lower the learning rate."
                    )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return network.eval()


@torch.inference_mode()
def errors_of(networks: list[PlaceNetwork], places: Places, rows: Values) -> Values:
    """Mean errors of several networks, float32 (N, 3), as in `PlaceNetwork.forward`."""
    pictures, motion = _some(places, np.arange(len(places)))
    errors = [network(pictures, torch.from_numpy(rows), motion).numpy() for network in networks]
    mean: Values = np.mean(errors, axis=0)
    return mean


def _some(places: Places, chosen: NDArray[np.integer]) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(places.pictures[chosen]).float(), torch.from_numpy(places.motion[chosen])
