"""GTCC against loops over frames and components, given the fitted mixtures."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from fixbench.errors import InputError
from fixbench.systems.alignment.losses import (
    LossOptions,
    Mixture,
    _gtcc,
    fit_mixtures,
    gtcc_loss,
)
from fixbench.systems.alignment.losses._gtcc import Departure, _one_sided_window, draw_departures

from .conftest import assert_same, distance, seeded, videos

OPTIONS = LossOptions(frames=2, components=2, window=0.2, drop_decay=0.9, fit_calls=4)


def _kept(x: Tensor, drop: Tensor, decayed: float) -> Tensor:
    scores = torch.stack([(row * drop[:-1]).sum() + drop[-1] for row in x])
    mean = scores.sum() / len(x)
    deviation = (((scores - mean) ** 2).sum() / (len(x) - 1)).sqrt()
    return decayed + (1 - decayed) / (1 + (-(scores - mean) / deviation).exp())


def _loop(
    clips: list[Tensor],
    *,
    formulation: str,
    seed: int,
    options: LossOptions,
    drop: Tensor | None = None,
    epoch: int = 0,
) -> Tensor:
    # Drawn once for each video and shared by its partners.
    drawn = draw_departures([len(clip) for clip in clips], options, seeded(seed))
    total = torch.zeros((), dtype=torch.float64)
    for a, b in [(a, b) for a in range(len(clips)) for b in range(len(clips)) if a != b]:
        x, y = clips[a], clips[b]
        frames = drawn[a].frames.tolist()
        heads = drawn[a].forward if formulation == "as_found" else None
        width = round(options.window * len(x))
        for t in frames:
            log_alpha = torch.stack([-distance(x[t], row) / 0.1 for row in y]).log_softmax(0)
            (mixture,) = fit_mixtures(
                [log_alpha.detach()[None].exp()],
                components=options.components,
                calls=options.fit_calls,
            )
            pi, g = mixture.log_weights[0].exp(), mixture.log_components[0].exp()
            loss = torch.zeros((), dtype=torch.float64)
            for k in range(options.components):
                weight, share = pi[k], g[k]
                if formulation == "paper":
                    owned = pi[k] * g[k] / (pi[:, None] * g).sum(0) * log_alpha.exp()
                    weight, share = owned.sum(), owned / owned.sum()
                neighbour = sum((s * row for s, row in zip(share, y, strict=True)), torch.zeros(()))
                allowed = [n for n in range(len(x)) if _allowed(n, t, len(x), width, heads)]
                logits = torch.stack([-distance(neighbour, x[n]) / 0.1 for n in allowed])
                beta = logits.softmax(0)
                if heads is not None:
                    beta = logits.exp() / (logits.exp().sum() + 1e-6)
                mu = sum(w * n for w, n in zip(beta, allowed, strict=True))
                loss = loss + weight * (t - mu) ** 2
            if drop is not None:
                kept = _kept(x, drop[b], options.drop_decay ** (epoch + 1))[t]
                loss = kept * loss + (1 - kept) / loss
            total = total + loss
    return total


def _allowed(n: int, t: int, length: int, width: int, heads: bool | None) -> bool:
    if heads is None:
        return abs(n - t) <= width
    side = t <= n < t + width if heads else t - width <= n < t
    start = t < width and n < width
    end = t >= length - width and n >= length - width
    return side or start or end


@pytest.mark.parametrize("dropping", [False, True])
@pytest.mark.parametrize("formulation", ["paper", "as_found"])
def test_against_a_loop(formulation: Any, dropping: bool) -> None:
    embeddings = videos(20, 23, spread=0.3)
    drop = None
    if dropping:
        drop = torch.randn(2, 4, dtype=torch.float64, generator=seeded(9))
    # With these seeds the coins show both sides, in both pairs.
    for seed in (0, 1) if formulation == "as_found" else (0,):
        usual: dict[str, Any] = {"formulation": formulation, "options": OPTIONS, "drop": drop}

        def found(clips: Any, seed: int = seed, usual: dict[str, Any] = usual) -> torch.Tensor:
            return gtcc_loss(clips, epoch=2, generator=seeded(seed), **usual)

        def looped(clips: Any, seed: int = seed, usual: dict[str, Any] = usual) -> torch.Tensor:
            return _loop(clips, seed=seed, epoch=2, **usual)

        assert_same(found, looped, embeddings, relative=1e-7)


def test_three_videos() -> None:
    options = OPTIONS.model_copy(update={"frames": 2})
    assert_same(
        lambda clips: gtcc_loss(
            clips, formulation="as_found", epoch=0, generator=seeded(), options=options
        ),
        lambda clips: _loop(clips, formulation="as_found", seed=0, options=options),
        videos(20, 21, 22, spread=0.3),
        relative=1e-7,
    )


def test_with_one_component_and_the_whole_video_the_paper_is_tcc() -> None:
    """Cycle-back squared error over all frames, as temporal cycle-consistency defines it."""
    embeddings = videos(9, 12, spread=0.3)

    def cycle(clips: list[Tensor]) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for x, y in (clips, clips[::-1]):
            alpha = (-torch.cdist(x, y) / 0.1).softmax(1)
            beta = (-torch.cdist(alpha @ y, x) / 0.1).softmax(1)
            index = torch.arange(len(x), dtype=torch.float64)
            total = total + ((index - beta @ index) ** 2).sum()
        return total

    options = LossOptions(components=1, window=1.0, fit_calls=2)
    assert_same(
        lambda clips: gtcc_loss(
            clips, formulation="paper", epoch=0, generator=seeded(), options=options
        ),
        cycle,
        embeddings,
    )


def test_gradient_of_the_paper_by_finite_differences_with_one_component() -> None:
    """With K = 1 the mixture has no influence, so that nothing is held constant."""
    options = LossOptions(components=1, window=0.4, fit_calls=1)
    assert torch.autograd.gradcheck(
        lambda *clips: gtcc_loss(
            clips, formulation="paper", epoch=0, generator=seeded(), options=options
        ),
        tuple(videos(6, 5, channels=2, spread=0.3)),
    )


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("formulation", ["paper", "as_found"])
def test_gradient_by_finite_differences_given_the_mixtures(
    monkeypatch: pytest.MonkeyPatch, formulation: Any, components: int
) -> None:
    """The mixtures are constants of the loss and so are held; as found α is one too, and enters
    through the mixtures alone. The drop network's weights are differentiated as well."""
    options = OPTIONS.model_copy(update={"components": components})
    clips = videos(20, 21, channels=2, spread=0.3)
    drop = torch.randn(2, 3, dtype=torch.float64, generator=seeded(9))
    held: list[list[Mixture]] = []

    def fit_once(alpha: list[Tensor], **numbers: int) -> list[Mixture]:
        if not held:
            held.append(fit_mixtures(alpha, **numbers))
        return held[0]

    monkeypatch.setattr(_gtcc, "fit_mixtures", fit_once)

    def loss(x: Tensor, y: Tensor, given: Tensor) -> Tensor:
        return gtcc_loss(
            [x, y],
            formulation=formulation,
            epoch=2,
            generator=seeded(),
            drop=given,
            options=options,
        )

    inputs = tuple(item.clone().requires_grad_() for item in (*clips, drop))
    assert torch.autograd.gradcheck(loss, inputs)
    assert all(slope.abs().max() > 0 for slope in torch.autograd.grad(loss(*inputs), inputs))
    assert len(held) == 1
    assert held[0][0].log_components.shape[1] == components


def test_the_window_as_found_is_one_sided_except_at_the_ends() -> None:
    """Ten frames, three wide: backwards a frame cannot return to itself, near an end it can."""
    t = torch.tensor([1, 5, 8])
    forward = _one_sided_window(t, 10, 3, forward=True)
    backward = _one_sided_window(t, 10, 3, forward=False)
    assert [row.nonzero()[:, 0].tolist() for row in forward] == [
        [0, 1, 2, 3],
        [5, 6, 7],
        [7, 8, 9],
    ]
    assert [row.nonzero()[:, 0].tolist() for row in backward] == [
        [0, 1, 2],
        [2, 3, 4],
        [5, 6, 7, 8, 9],
    ]


def test_draws_are_one_for_each_video() -> None:
    """Frames ascend and differ; a short video gives all; both sides are drawn about as often."""
    options = LossOptions(frames=4)
    drawn = draw_departures([3, *[50] * 400], options, seeded())
    assert drawn[0].frames.tolist() == [0, 1, 2]
    assert all(len(set(item.frames.tolist())) == 4 for item in drawn[1:])
    assert all((item.frames.diff() > 0).all() for item in drawn[1:])
    # 3 standard deviations of 400 tosses
    assert abs(sum(item.forward for item in drawn[1:]) - 200) < 30


@pytest.mark.parametrize(
    ("length", "share", "width"), [(22, 0.2, 4), (27, 0.2, 5), (25, 0.1, 2), (35, 0.1, 4)]
)
def test_a_width_is_rounded_half_to_even(length: int, share: float, width: int) -> None:
    """δN is 4.4, 5.4, 2.5 and 3.5 frames. With all frames at one point β is uniform over them."""
    clips = [torch.zeros(length, 2, dtype=torch.float64) for _ in range(2)]
    t = length // 2
    loss = gtcc_loss(
        clips,
        formulation="as_found",
        epoch=0,
        generator=seeded(),
        options=LossOptions(components=2, window=share),
        departures=[Departure(frames=torch.tensor([t]), forward=True)] * 2,
    )
    # The window begins at t.
    expected = 2 * (t - (t + (width - 1) / 2) * width / (width + 1e-6)) ** 2
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_a_neighbour_far_from_all_frames_returns_to_the_first() -> None:
    """As found β loses its mass there, so that μ is 0 and a frame t costs t²; as published not."""
    x = torch.zeros(20, 2, dtype=torch.float64)
    y = x + 5.0
    departures = [Departure(frames=torch.tensor([7, 12]), forward=True)] * 2
    found = [
        gtcc_loss(
            [x, y],
            formulation=formulation,
            epoch=0,
            generator=seeded(),
            options=LossOptions(components=2, window=0.2),
            departures=departures,
        ).item()
        for formulation in ("as_found", "paper")
    ]
    assert found[0] == pytest.approx(2 * (7**2 + 12**2), rel=1e-6)
    assert found[1] < 1


def test_the_bias_of_the_drop_network_gets_no_gradient() -> None:
    """It is the same for all frames, and the z-score over frames removes it."""
    drop = torch.randn(2, 4, dtype=torch.float64, generator=seeded(3)).requires_grad_()
    loss = gtcc_loss(
        videos(20, 20, spread=0.3),
        formulation="as_found",
        epoch=0,
        generator=seeded(),
        drop=drop,
        options=OPTIONS,
    )
    (slope,) = torch.autograd.grad(loss, drop)
    assert slope[:, -1].abs().max().item() < 1e-9
    assert slope[:, :-1].abs().min().item() > 1e-6


def test_nothing_is_dropped_without_decay() -> None:
    embeddings = videos(20, 20, spread=0.3)
    drop = torch.randn(2, 4, dtype=torch.float64, generator=seeded(3))
    options = OPTIONS.model_copy(update={"drop_decay": 1.0})
    values = [
        gtcc_loss(
            embeddings,
            formulation="as_found",
            epoch=0,
            generator=seeded(),
            drop=given,
            options=options,
        ).item()
        for given in (drop, None)
    ]
    assert values[0] == values[1]


def test_short_videos() -> None:
    short = videos(19, 30)
    with pytest.raises(InputError, match=r"embeddings\[0\] is \(19, 3\); expected 20 frames or"):
        gtcc_loss(short, formulation="as_found", epoch=0, generator=seeded(), options=OPTIONS)
    loss = gtcc_loss(short, formulation="paper", epoch=0, generator=seeded(), options=OPTIONS)
    assert torch.isfinite(loss)


def test_a_drop_network_of_another_width_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"drop is \(2, 3\); expected weights and a bias .*\(2, 4\)"
    ):
        gtcc_loss(
            videos(20, 20),
            formulation="as_found",
            epoch=0,
            generator=seeded(),
            drop=torch.zeros(2, 3),
            options=OPTIONS,
        )
