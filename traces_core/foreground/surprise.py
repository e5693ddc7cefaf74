"""How improbable each place of a frame is by the standard of normal footage, and the score of the frame.

    normal videos ─ folds ─┬─ a network each, without the fold ──────────────┐
                           └─ what each says of its own fold ─> Tail, usual ─┴─> evidence ─> score, map

Four kinds of evidence, each in nats, -log of the share of normal places that are as odd; they add up:

    motion_of_look   the motion, given the picture
    motion_of_row    the motion, given the row alone
    look             the picture, given its code
    presence         how seldom foreground is there
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from traces_core.disk import unreadable
from traces_core.errors import TooLittleFootageError
from traces_core.foreground.network import PlaceNetwork, errors_of, train_network
from traces_core.foreground.places import Places, StreamingPlaces, joined
from traces_core.foreground.scene import CameraBackground, Grey, Values
from traces_core.foreground.settings import ForegroundSettings
from traces_core.foreground.tail import Tail

EVIDENCE = ("motion_of_look", "motion_of_row", "look", "presence")
BOUNDED = (False, False, True, True)
"""Look and presence depend on the video, its crowd and its paths: too few to estimate a tail."""
CELL = 8
"""Pixels of a cell of a map, each side."""


@dataclass(frozen=True)
class ForegroundSurprise:
    """A model of the normal foreground of a still camera, and the surprise of any other."""

    settings: ForegroundSettings
    scene: CameraBackground
    networks: list[PlaceNetwork]
    presence: Values
    """float32 (H, W): share of the time that foreground is there."""
    tails: Sequence[Tail]
    """One for each kind of evidence."""
    usual: Values
    """float64 (4,): the score of a normal frame, given to frames that are too early to be judged."""

    @classmethod
    def fit(cls, videos: Sequence[Grey], settings: ForegroundSettings, rate: float) -> ForegroundSurprise:
        """Learn it from normal videos of one camera.

        Parameters
        ----------
        videos : uint8 arrays of shape (F, H, W); F differs.
        rate : frames per second.

        Raises
        ------
        TooLittleFootageError
            If there are fewer videos than folds, or hardly anyone walks in them.
        NotFiniteError
            If training diverges.
        """
        if len(videos) < settings.folds:
            raise TooLittleFootageError(
                f"foreground: {len(videos)} normal videos for {settings.folds} folds. Add videos."
            )
        scene = CameraBackground.learn(videos, settings)
        seen = [_looked(scene, video, settings, rate) for video in videos]
        if any(not len(frames) for frames in seen):
            raise TooLittleFootageError(
                f"foreground: video {[len(frames) > 0 for frames in seen].index(False)} is over before "
                f"{settings.path_frames + settings.every} frames, or shows no one. Leave it out."
            )
        counts = [(len(video) - settings.path_frames) / settings.every for video in videos]
        networks: list[PlaceNetwork] = []
        normal: list[Values] = []
        for fold in range(settings.folds):
            kept = [n for n in range(len(videos)) if n % settings.folds != fold]
            places = joined([one for n in kept for one in seen[n]])
            network = train_network(places, _heights(scene, places), settings, settings.seed + fold)
            presence = _presence(scene, [seen[n] for n in kept], [counts[n] for n in kept], settings)
            judge = cls(settings, scene, [network], presence, (), np.zeros(len(EVIDENCE)))
            left = range(fold, len(videos), settings.folds)
            normal += [judge.evidence(one) for n in left for one in seen[n]]
            networks.append(network)
        every = np.concatenate(normal)
        tails = [
            Tail.of(values, settings, is_bounded=bounded)
            for values, bounded in zip(every.T, BOUNDED, strict=True)
        ]
        whole = cls(settings, scene, networks, _presence(scene, seen, counts, settings), tails, judge.usual)
        usual = np.median([whole.frame_score(whole.surprise(one)) for one in normal], axis=0)
        return cls(settings, scene, networks, whole.presence, tails, usual)

    def evidence(self, places: Places) -> Values:
        """Each kind of evidence at each place, averaged over a body: float64 (N, 4)."""
        errors = errors_of(self.networks, places, _heights(self.scene, places))
        rarity = -np.log(self.presence[_pixels(self.scene, places.where)] + self.settings.rarest)
        return _body_mean(places.where, np.column_stack([errors, rarity]), self.settings.reach)

    def surprise(self, evidence: Values) -> Values:
        """The surprise of evidence, nats, (N, 4)."""
        return np.column_stack(
            [tail.surprise(values) for tail, values in zip(self.tails, evidence.T, strict=True)]
        )

    def frame_score(self, surprise: Values) -> Values:
        """Of the most surprising places of a frame the mean, by evidence, (4,); their sum is the score."""
        top = self.settings.top_places
        chosen = np.argsort(-surprise.sum(axis=1))[:top]
        mean: Values = surprise[chosen].sum(axis=0) / top
        return mean

    def judged(self, video: Grey, rate: float) -> tuple[Values, Values]:
        """Score a video, frame by frame; nothing rests on a later frame.

        Parameters
        ----------
        video : uint8 (F, H, W).
        rate : frames per second.

        Returns
        -------
        scores : float64 (F, 4), nats, by evidence; their sum is the score of a frame.
        maps : float32 (F, H / CELL, W / CELL), nats: the surprise of each cell's oddest place, not smoothed.
        """
        streaming = StreamingPlaces(self.scene, self.settings, rate)
        shape = tuple(-(-edge // CELL) for edge in video.shape[1:])
        maps = np.zeros((len(video), *shape), np.float32)
        scores = np.tile(self.usual, (len(video), 1))
        young = self.settings.path_frames
        for number, frame in enumerate(video):
            places = streaming(frame)
            if places is None:
                continue
            scores[number] = 0.0
            if len(places):
                surprise = self.surprise(self.evidence(places))
                scores[number] = self.frame_score(surprise)
                rows, columns = _pixels(self.scene, places.where)
                totals = surprise.sum(axis=1).astype(np.float32)
                np.maximum.at(maps[number], (rows // CELL, columns // CELL), totals)
        scores[young:] = _smoothed(scores[young:], self.settings.smooth_frames)
        return scores, maps

    def save(self, path: Path) -> None:
        """Write it as safetensors."""
        arrays = {
            "low": self.scene.low,
            "usual": self.scene.usual,
            "high": self.scene.high,
            "line": np.array(self.scene.line),
            "presence": self.presence,
            "quantiles": np.stack([tail.quantiles for tail in self.tails]),
            "paces": np.array([tail.pace for tail in self.tails]),
            "score": self.usual,
        }
        tensors = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
        for number, network in enumerate(self.networks):
            tensors |= {f"network.{number}.{name}": one for name, one in network.state_dict().items()}
        save_file(tensors, path)

    @classmethod
    def load(cls, path: Path, settings: ForegroundSettings) -> ForegroundSurprise:
        """Read what `save` wrote.

        Parameters
        ----------
        settings : those it was fitted with.

        Raises
        ------
        CorruptArtifactError
            If the file is cut short or lacks something.
        """
        try:
            tensors = load_file(path)
            kept = {name: tensors[name].numpy() for name in tensors if not name.startswith("network.")}
            start, slope = kept["line"].tolist()
            networks = [_network(tensors, number, settings) for number in range(settings.folds)]
            tails = [
                Tail(quantiles, settings.tail_quantile, float(pace))
                for quantiles, pace in zip(kept["quantiles"], kept["paces"], strict=True)
            ]
            scene = CameraBackground(kept["low"], kept["usual"], kept["high"], (start, slope))
            return cls(settings, scene, networks, kept["presence"], tails, kept["score"])
        except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
            raise unreadable(path, error, f"what was learned cannot be read ({error})") from error


def _network(tensors: Mapping[str, torch.Tensor], number: int, settings: ForegroundSettings) -> PlaceNetwork:
    network, prefix = PlaceNetwork(settings), f"network.{number}."
    state = {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
    network.load_state_dict(state)
    return network.eval()


def _looked(scene: CameraBackground, video: Grey, settings: ForegroundSettings, rate: float) -> list[Places]:
    """The places of the frames that are learned from, those without any left out."""
    streaming = StreamingPlaces(scene, settings, rate)
    places = [
        streaming(frame, looks=(number - 1) % settings.every == 0) for number, frame in enumerate(video)
    ]
    return [one for one in places if one is not None and len(one)]


def _heights(scene: CameraBackground, places: Places) -> Values:
    """Where in the frame each place is, float32 (N,): -1 at the top, 1 at the foot."""
    rows: Values = (places.where[:, 1] / (len(scene.usual) / 2) - 1).astype(np.float32)
    return rows


def _pixels(scene: CameraBackground, where: Values) -> tuple[Values, Values]:
    """Row and column of each place, within the frame."""
    rows, columns = scene.usual.shape
    at = np.round(where[:, :2]).astype(int)
    return np.minimum(at[:, 1], rows - 1), np.minimum(at[:, 0], columns - 1)


def _presence(
    scene: CameraBackground,
    seen: Sequence[Sequence[Places]],
    counts: Sequence[float],
    settings: ForegroundSettings,
) -> Values:
    """How often foreground is at a pixel, mean over videos, smoothed over half a person: float32 (H, W)."""
    grid = scene.places(settings.step)
    total, looked = np.zeros_like(scene.usual), np.zeros_like(scene.usual)
    np.add.at(looked, _pixels(scene, grid), 1)
    for frames, count in zip(seen, counts, strict=True):
        for one in frames:
            np.add.at(total, _pixels(scene, one.where), 1 / count / len(seen))
    spread = settings.reach * scene.height(grid[-1, 1] / 2)
    share: Values = _blurred(total, spread) / np.maximum(_blurred(looked, spread), 1e-6)
    return share


def _blurred(image: Values, spread: float) -> Values:
    """As if nothing were outside of the image."""
    edge = math.ceil(3 * spread)
    around = cv2.copyMakeBorder(image, edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    inside: Values = cv2.GaussianBlur(around, (0, 0), spread)[edge:-edge, edge:-edge]
    return inside


def _body_mean(where: Values, values: Values, reach: float) -> Values:
    """Values of places (N, C) averaged over the places within so many heights of each."""
    apart = np.hypot(*(where[:, None, :2] - where[None, :, :2]).transpose(2, 0, 1))
    near = (apart < reach * where[:, None, 2]).astype(np.float32)
    mean: Values = near @ values / near.sum(axis=1, keepdims=True)
    return mean


def _smoothed(scores: Values, frames: int) -> Values:
    """The mean of each row (F, C) with those before it, so many in all."""
    total = np.cumsum(np.concatenate([np.zeros_like(scores[:1]), scores]), axis=0)
    last = np.arange(1, len(scores) + 1)
    first = np.maximum(last - frames, 0)
    mean: Values = (total[last] - total[first]) / (last - first)[:, None]
    return mean
