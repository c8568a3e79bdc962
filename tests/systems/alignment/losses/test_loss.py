"""The common call: what it refuses, what is skipped, reproducibility, and extreme embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from fixbench.errors import InputError
from fixbench.systems.alignment.losses import (
    LossOptions,
    alignment_loss,
    gtcc_loss,
    lav_loss,
    limit_reason,
    skip_reason,
    tcc_loss,
    vava_loss,
)

from .conftest import seeded

METHODS = ("tcc", "lav", "vava", "gtcc")
FORMULATIONS = ("paper", "as_found")
FEW = LossOptions(components=3, fit_calls=2, variance_floor=1.2e-7)


@pytest.fixture
def deterministic() -> Iterator[None]:
    mode = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("error")
    yield
    torch.set_deterministic_debug_mode(mode)


def _call(embeddings: list[Tensor], method: Any, formulation: Any, **others: Any) -> Tensor:
    return alignment_loss(
        embeddings,
        method=method,
        formulation=formulation,
        epoch=0,
        step=0,
        generator=seeded(),
        **others,
    )


def _floats(*lengths: int, spread: float = 1.0) -> list[Tensor]:
    generator = seeded(4)
    return [(spread * torch.randn(n, 16, generator=generator)).requires_grad_() for n in lengths]


def test_the_call_is_that_of_the_method() -> None:
    clips = _floats(24, 30)
    drop = torch.randn(2, 17, generator=seeded(1))
    for form in ("paper", "as_found"):
        common: dict[str, Any] = {"formulation": form, "options": FEW}
        values = {
            "tcc": tcc_loss(clips, generator=seeded(), **common),
            "lav": lav_loss(clips, generator=seeded(), **common),
            "vava": vava_loss(clips, epoch=0, step=0, **common),
            "gtcc": gtcc_loss(clips, epoch=0, generator=seeded(), drop=drop, **common),
        }
        for method, value in values.items():
            assert _call(clips, method, form, drop=drop, options=FEW).item() == value.item()
        assert len({value.item() for value in values.values()}) == 4


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_bits_under_deterministic_algorithms(method: str, formulation: str) -> None:
    outcomes = []
    for _ in range(2):
        clips = _floats(25, 31)
        loss = _call(clips, method, formulation, options=FEW)
        loss.backward()
        outcomes.append([loss, *(clip.grad for clip in clips)])
    for first, second in zip(*outcomes, strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("spread", [0.0, 1e-4, 30.0])
def test_collapsed_and_distant_embeddings_have_finite_losses_and_gradients(
    method: str, formulation: str, spread: float
) -> None:
    clips = _floats(25, 31, spread=spread)
    loss = _call(clips, method, formulation, options=FEW)
    loss.backward()
    assert torch.isfinite(loss)
    for clip in clips:
        assert clip.grad is not None
        assert torch.isfinite(clip.grad).all()


@pytest.mark.parametrize("formulation", FORMULATIONS)
@pytest.mark.parametrize("method", METHODS)
def test_no_global_random_number_is_drawn(method: str, formulation: str) -> None:
    before = torch.get_rng_state()
    _call(_floats(25, 31), method, formulation, options=FEW)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("function", [tcc_loss, lav_loss, vava_loss, gtcc_loss])
def test_every_method_refuses_what_it_cannot_use(function: Any) -> None:
    extra: dict[str, Any] = {"generator": seeded()}
    if function is vava_loss:
        extra = {"epoch": 0, "step": 0}
    if function is gtcc_loss:
        extra["epoch"] = 0
    cases: list[tuple[Any, Any, str]] = [
        (_floats(20, 20), "fork", "formulation is 'fork'; expected one of paper, as_found"),
        (_floats(20), "paper", "embeddings is 1; expected two or more videos"),
        ([torch.ones(20, 4), torch.ones(20)], "paper", r"embeddings\[1\] is \(20,\); expected"),
        (
            [torch.ones(1, 4), torch.ones(20, 4)],
            "paper",
            r"\[0\] is \(1, 4\); expected at least two",
        ),
        (
            [torch.ones(20, 4), torch.ones(20, 5)],
            "paper",
            r"\[1\] is \(20, 5\); expected 4 channels",
        ),
    ]
    for clips, formulation, message in cases:
        with pytest.raises(InputError, match=message):
            function(clips, formulation=formulation, **extra)


def test_an_unknown_method_is_refused() -> None:
    for call in (
        lambda: _call(_floats(20, 20), "dtw", "paper"),
        lambda: skip_reason([30, 30], method="dtw", formulation="paper"),  # type: ignore[arg-type]
        lambda: limit_reason(1.0, method="dtw", limited=()),  # type: ignore[arg-type]
    ):
        with pytest.raises(
            InputError, match="method is 'dtw'; expected one of tcc, lav, vava, gtcc"
        ):
            call()


def test_options_refuse_unknown_keys_and_values_out_of_range() -> None:
    for bad in (
        {"frame": 3},
        {"frames": 1},
        {"window": 0.0},
        {"drop_decay": 1.1},
        {"components": 0},
    ):
        with pytest.raises(ValidationError):
            LossOptions(**bad)


@pytest.mark.parametrize(
    ("lengths", "method", "formulation", "reason"),
    [
        ([9, 50], "tcc", "paper", "a video under 10 frames"),
        ([10, 50], "tcc", "as_found", None),
        ([10, 50], "gtcc", "paper", None),
        ([19, 50], "gtcc", "as_found", "a video under 20 frames"),
        ([20, 50], "gtcc", "as_found", None),
        ([1500, 2000], "lav", "paper", None),
        ([1501, 2000], "lav", "paper", "a pair of videos over 3000000 cells"),
        ([3000, 2000], "vava", "paper", None),
        ([3001, 2000], "vava", "as_found", "a pair of videos over 6000000 cells"),
        ([4000, 2000], "gtcc", "as_found", None),
        ([4001, 2000], "tcc", "as_found", "a pair of videos over 8000000 cells"),
        ([30, 2001, 4000], "gtcc", "paper", "a pair of videos over 8000000 cells"),
    ],
)
def test_skipped_batches(
    lengths: list[int], method: Any, formulation: Any, reason: str | None
) -> None:
    assert skip_reason(lengths, method=method, formulation=formulation) == reason


def test_skip_reason_refuses_what_are_no_lengths() -> None:
    for lengths in ([], [30], [30, -1]):
        with pytest.raises(
            InputError, match=r"lengths .*expected numbers of frames of two or more"
        ):
            skip_reason(lengths, method="tcc", formulation="paper")
    with pytest.raises(InputError, match="formulation is 'fork'"):
        skip_reason([30, 30], method="tcc", formulation="fork")  # type: ignore[arg-type]


def test_the_limit_of_the_total_holds_for_the_losses_that_are_named() -> None:
    for limited in (("gtcc",), ("gtcc", "tcc"), ()):
        for method in METHODS:
            over = {limit_reason(v, method=method, limited=limited) for v in (1.01e7, float("inf"))}  # type: ignore[arg-type]
            assert over == ({"a total loss over 1e+07"} if method in limited else {None})
            for under in (1e7, float("nan")):
                assert limit_reason(under, method=method, limited=limited) is None  # type: ignore[arg-type]
