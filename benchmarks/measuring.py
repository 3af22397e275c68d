"""Timing variants of one thing in turns, so that whatever else the machine does hits all of them alike."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

# Runs of each variant that are not counted: connections are made, plans are chosen, caches fill.
WARMING = 5


class WrongAnswer(Exception):
    """A variant does not do what the others do, so that no figure of them means anything."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of doing a thing.

    `prepare` is not timed, and what it returns is what `run` is given. `answer`, not timed either, is given that too
    and what `run` returned, and says what has come of it in a form that all variants share.
    """

    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = lambda: None
    answer: Callable[[Any, Any], Any] = lambda given, returned: returned


@dataclass(frozen=True, slots=True)
class Figures:
    """Of repeated measurements: the one in the middle, the one that 99 of 100 do not exceed, and their mean."""

    median: float
    p99: float
    mean: float
    count: int


def figures(samples: Sequence[float]) -> Figures:
    """Figures in the samples' own unit. With fewer than a hundred, the p99 is the largest."""
    in_order = sorted(samples)
    nearest = min(int(0.99 * len(in_order)), len(in_order) - 1)
    return Figures(median=median(in_order), p99=in_order[nearest], mean=fmean(in_order), count=len(in_order))


def one(value: float) -> Figures:
    """A figure that is measured once."""
    return Figures(median=value, p99=value, mean=value, count=1)


def divided(figures: Figures, by: int) -> Figures:
    """The share of one of so many that were done together."""
    return Figures(figures.median / by, figures.p99 / by, figures.mean / by, figures.count)


def per_second(figures: Figures, count: int) -> Figures:
    """How many a second, of milliseconds for so many. The p99 becomes the rate of the slowest."""
    median, slowest, mean = (1000 * count / each for each in (figures.median, figures.p99, figures.mean))
    return Figures(median, slowest, mean, figures.count)


def alternate(
    variants: Mapping[str, Variant], *, repetitions: int, step: Callable[[float], None], warming: int = WARMING
) -> dict[str, Figures]:
    """Milliseconds of each variant. `step` is told how much is done, 0 to 1. Raises WrongAnswer.

    Whoever measures only a few times does not warm for longer than that either.
    """
    check_answers(variants)
    for variant in variants.values():
        for _ in range(min(warming, repetitions // 2)):
            variant.run(variant.prepare())
    samples: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    gc.collect()
    for number in range(repetitions):
        for name in _turn(order, number):
            variant = variants[name]
            given = variant.prepare()
            began = time.perf_counter()
            variant.run(given)
            samples[name].append((time.perf_counter() - began) * 1000)
        step((number + 1) / repetitions)
    return {name: figures(taken) for name, taken in samples.items()}


def _turn(order: Sequence[str], number: int) -> Sequence[str]:
    """Who comes after whom this time. Each finds the caches as the one before it left them.

    Everybody begins as often as everybody else, and since every second time round goes backwards, of two neighbours
    each comes after the other as often; in twice as many turns as there are variants, and about so in others.
    """
    first, is_backwards = number % len(order), number // len(order) % 2
    turn = [*order[first:], *order[:first]]
    return turn[::-1] if is_backwards else turn


def check_answers(variants: Mapping[str, Variant]) -> None:
    """Raise WrongAnswer unless all of them come to the same, which may not be nothing."""
    answers = {}
    for name, variant in variants.items():
        given = variant.prepare()
        answers[name] = variant.answer(given, variant.run(given))
    (first, expected), *others = answers.items()
    if expected is None:
        raise WrongAnswer(f"{first} comes to nothing, and proves nothing.")
    for name, answer in others:
        if answer != expected:
            raise WrongAnswer(f"{name} comes to something else than {first}: {_short(answer)}, not {_short(expected)}.")


def _short(answer: Any) -> str:
    text = repr(answer)
    return text if len(text) <= 300 else f"{text[:300]} …"
