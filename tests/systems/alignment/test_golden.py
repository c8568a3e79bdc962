"""Losses and light base against numbers of the origin's code (see golden/README.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from fixbench.systems.alignment._encoder import EncoderOptions, LightBase
from fixbench.systems.alignment.losses import (
    LossOptions,
    Mixture,
    _gtcc,
    distances,
    fit_mixtures,
    gtcc_loss,
    lav_loss,
    log_sinkhorn,
    soft_dtw,
    tcc_loss,
    vava_loss,
)
from fixbench.systems.alignment.losses._gtcc import Departure, _one_sided_window
from fixbench.systems.alignment.losses._intra import FORK_WINDOW
from fixbench.systems.alignment.losses._vava import FORK_DISTANCE_SCALE, _plan_as_found

GOLDEN = Path(__file__).parent / "golden"
Arrays = dict[str, NDArray[Any]]
#: GTCC's cases and how many videos each has.
CASES = {"near_collapse": 2, "spread": 2, "near_collapse_no_drop": 2, "three_videos": 3}


def _read(name: str) -> Arrays:
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


@pytest.fixture(scope="module")
def gtcc() -> Arrays:
    return _read("gtcc")


@pytest.fixture(scope="module")
def losses() -> Arrays:
    return _read("tcc_lav_vava")


def _videos(golden: Arrays, case: str, count: int) -> list[Tensor]:
    return [
        torch.from_numpy(golden[f"{case}.input.video{number}"]).clone().requires_grad_()
        for number in range(count)
    ]


def _relative(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def _gradients(loss: Tensor, videos: list[Tensor]) -> NDArray[Any]:
    return np.concatenate([item.numpy().ravel() for item in torch.autograd.grad(loss, videos)])


def _wanted(golden: Arrays, prefix: str, count: int) -> NDArray[Any]:
    return np.concatenate([golden[f"{prefix}grad.video{n}"].ravel() for n in range(count)])


# GTCC


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(count) for b in range(count) if a != b]


def _stored(golden: Arrays, case: str) -> list[Mixture]:
    """The origin's mixtures, in the order of pairs."""
    found = []
    for a, b in _pairs(CASES[case]):
        weights, shares = (
            torch.from_numpy(golden[f"{case}.fit.pair{a}{b}.{name}"])
            for name in ("weights", "components")
        )
        found.append(
            Mixture(
                log_weights=weights.log(),
                log_components=shares.log(),
                divergence=torch.zeros(len(weights)),
            )
        )
    return found


def _gtcc_loss(golden: Arrays, case: str) -> tuple[float, NDArray[Any]]:
    count = CASES[case]
    videos = _videos(golden, case, count)
    components, window, decay, epoch = golden[f"{case}.input.setting"].tolist()
    drop = golden.get(f"{case}.input.drop")
    departures = [
        Departure(
            frames=torch.from_numpy(golden[f"{case}.input.frames{number}"]),
            forward=int(golden[f"{case}.input.side{number}"]) == 0,
        )
        for number in range(count)
    ]
    loss = gtcc_loss(
        videos,
        formulation="as_found",
        epoch=int(epoch),
        generator=torch.Generator(),
        drop=None if drop is None else torch.from_numpy(drop),
        options=LossOptions(components=int(components), window=window, drop_decay=decay),
        departures=departures,
    )
    return loss.item(), _gradients(loss, videos)


@pytest.mark.parametrize("case", CASES)
def test_gtcc_given_the_origins_mixtures(
    gtcc: Arrays, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_gtcc, "fit_mixtures", lambda *_, **__: _stored(gtcc, case))
    loss, gradient = _gtcc_loss(gtcc, case)
    assert loss == pytest.approx(float(gtcc[f"{case}.loss"]), rel=1e-5)
    assert _relative(gradient, _wanted(gtcc, f"{case}.", CASES[case])) < 1e-4


@pytest.mark.parametrize(
    ("case", "loss_within", "gradient_within"),
    [
        ("near_collapse", 2e-3, 0.01),
        ("spread", 0.1, 0.3),
        ("near_collapse_no_drop", 2e-3, 0.05),
        ("three_videos", 2e-3, 0.02),
    ],
)
def test_gtcc_with_its_own_fit(
    gtcc: Arrays, case: str, loss_within: float, gradient_within: float
) -> None:
    """A fit that stops early magnifies rounding, on spread embeddings most."""
    loss, gradient = _gtcc_loss(gtcc, case)
    assert loss == pytest.approx(float(gtcc[f"{case}.loss"]), rel=loss_within)
    assert _relative(gradient, _wanted(gtcc, f"{case}.", CASES[case])) < gradient_within


@pytest.mark.parametrize("case", CASES)
def test_the_fit_is_the_origins(gtcc: Arrays, case: str) -> None:
    pairs = _pairs(CASES[case])
    alpha = [torch.from_numpy(gtcc[f"{case}.fit.pair{a}{b}.alpha"]) for a, b in pairs]
    fitted = fit_mixtures(alpha, components=5, calls=LossOptions().fit_calls)
    for (a, b), mixture in zip(pairs, fitted, strict=True):
        name = f"{case}.fit.pair{a}{b}"
        wanted = gtcc[f"{name}.symmetric_kl"].mean()
        within = 0.1 if case == "spread" else 0.01
        assert mixture.divergence.mean().item() == pytest.approx(wanted, rel=within)
        off = [
            np.abs(mixture.log_weights.exp().numpy() - gtcc[f"{name}.weights"]).max(axis=1),
            np.abs(mixture.log_components.exp().numpy() - gtcc[f"{name}.components"]).max((1, 2)),
        ]
        assert max(np.median(item) for item in off) < 5e-3


@pytest.mark.parametrize("case", CASES)
def test_alpha(gtcc: Arrays, case: str) -> None:
    videos = _videos(gtcc, case, CASES[case])
    for a, b in _pairs(CASES[case]):
        drawn = videos[a].detach()[torch.from_numpy(gtcc[f"{case}.input.frames{a}"])]
        alpha = (-distances(drawn, videos[b].detach()) / 0.1).softmax(dim=1)
        np.testing.assert_allclose(alpha, gtcc[f"{case}.fit.pair{a}{b}.alpha"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("length", "width"), [(22, 4), (25, 5), (30, 6)])
def test_windows(gtcc: Arrays, length: int, width: int) -> None:
    assert round(0.2 * length) == width
    for side in (0, 1):
        found = _one_sided_window(torch.arange(length), length, width, forward=side == 0)
        np.testing.assert_array_equal(found, gtcc[f"window.length{length}.width{width}.side{side}"])


# TCC, LAV, VAVA


@pytest.mark.parametrize("floor", [0.0, 1.2e-7])
@pytest.mark.parametrize("case", ["near", "path", "random"])
def test_tcc(losses: Arrays, case: str, floor: float) -> None:
    """The variances of ``random`` lie near 0, where the floor, which the origin lacks, shows."""
    videos = _videos(losses, case, 2)
    loss = tcc_loss(
        videos,
        formulation="as_found",
        generator=torch.Generator(),
        options=LossOptions(variance_floor=floor),
    )
    within = 3e-4 if case == "random" and floor else 2e-5
    assert loss.item() == pytest.approx(float(losses[f"{case}.tcc.loss"]), rel=within)
    assert _relative(_gradients(loss, videos), _wanted(losses, f"{case}.tcc.", 2)) < 2e-4


@pytest.mark.parametrize("case", ["near", "path", "random"])
def test_lav(losses: Arrays, case: str) -> None:
    videos = _videos(losses, case, 2)
    loss = lav_loss(videos, formulation="as_found", generator=torch.Generator())
    assert loss.item() == pytest.approx(float(losses[f"{case}.lav.loss"]), rel=1e-6)
    assert _relative(_gradients(loss, videos), _wanted(losses, f"{case}.lav.", 2)) < 2e-4


def test_the_contrastive_window(losses: Arrays) -> None:
    for length in (21, 24):
        index = np.arange(length)
        near = np.abs(index[:, None] - index) < FORK_WINDOW
        np.testing.assert_array_equal(near, losses[f"window15.length{length}"])


@pytest.mark.parametrize("age", [0, 49, 4000])
@pytest.mark.parametrize("case", ["near", "path", "random"])
def test_vava(losses: Arrays, case: str, age: int) -> None:
    """The contrast makes up most of the loss, so the transport is compared as well."""
    videos = _videos(losses, case, 2)
    loss = vava_loss(videos, formulation="as_found", epoch=age, step=0)
    name = f"{case}.vava_step{age}."
    assert loss.item() == pytest.approx(float(losses[f"{name}loss"]), rel=1e-6)
    assert _relative(_gradients(loss, videos), _wanted(losses, name, 2)) < 1e-6
    distance = distances(videos[0].detach(), videos[1].detach())
    for number, matrix in enumerate((distance, distance.T)):
        cost, plan = _plan_as_found(matrix, LossOptions().sinkhorn_steps)
        np.testing.assert_allclose(cost, losses[f"{name}pair{number}.cost"], rtol=0, atol=3e-6)
        np.testing.assert_allclose(plan, losses[f"{name}pair{number}.plan"], rtol=0, atol=1e-8)
        term = FORK_DISTANCE_SCALE * float(plan.sum()) / plan.numel()
        assert term == pytest.approx(float(losses[f"{name}pair{number}.transport_term"]), rel=1e-6)


# The light base


def test_light_base() -> None:
    golden = _read("light_encoder")
    base = LightBase(
        EncoderOptions(
            base="light",
            features=12,
            channels=[32, *[16] * 6],
            linears=[],
            embedding=16,
            heads=1,
            head_widths=[1],
            attention_widths=[1],
            fusion="view",
        )
    )
    weights = {key[7:]: value for key, value in golden.items() if key.startswith("weight.")}
    base.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    for number in (0, 1):
        found = base(torch.from_numpy(golden[f"input.video{number}"])).detach()
        np.testing.assert_allclose(found, golden[f"out.video{number}"], rtol=0, atol=1e-6)


# Libraries


def test_soft_dtw_is_tslearns() -> None:
    golden = _read("libraries")
    for number, gamma in enumerate(golden["soft_dtw.gamma"].tolist()):
        cost = torch.from_numpy(golden["soft_dtw.input.cost"]).requires_grad_()
        value = soft_dtw(cost, gamma)
        assert value.item() == pytest.approx(float(golden["soft_dtw.value"][number]), rel=1e-9)
        (slope,) = torch.autograd.grad(value, cost)
        np.testing.assert_allclose(slope, golden["soft_dtw.path"][number], rtol=0, atol=1e-9)


def test_sinkhorn_is_pots() -> None:
    golden = _read("libraries")
    log_kernel = torch.from_numpy(golden["sinkhorn.input.log_kernel"])
    plan = log_sinkhorn(log_kernel, 500).exp()
    np.testing.assert_allclose(plan, golden["sinkhorn.plan"], rtol=0, atol=1e-12)
