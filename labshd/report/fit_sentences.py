"""What a fit says beside its numbers, in sentences: for the report and for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from instruments.value_text import value_text
from labshd.common import numbers

if TYPE_CHECKING:
    from sim_device.fit.result import Fit
    from sim_device.fit.symmetry import EstimatedSymmetryPoint

STRONG = 10.0  # lowering of BIC that is very strong evidence (Kass and Raftery, J. Am. Stat. Assoc. 90, 773 (1995))
DIFFER = 2.0  # standard errors by which random pulsing settles elsewhere


def symmetry_sentences(fit: Fit) -> Iterator[str]:
    """Each symmetry point; for a measured step also where random pulsing settles, or why there is no point."""
    for point in fit.symmetry_points:
        yield _point(point, fit.unit)
    balance = fit.balance
    if balance is None:
        return
    if not balance.points:
        yield from (f"{why.removeprefix('symmetry_point: ').capitalize()}." for why in fit.not_identified[:1])
    if balance.settling is not None:
        settled = balance.settling
        at = value_text(settled.value, settled.std, fit.unit)
        yield f"Random pulsing, as many up as down, settles at {at} in the mean{_apart(fit)}."


def _point(point: EstimatedSymmetryPoint, unit: str) -> str:
    at = numbers.number_text(point.conductance, point.std, unit)
    if not point.clear:
        return f"Symmetry point at {at}: up and down steps are nearly parallel, so that it is not well known."
    if point.stable:
        return f"Stable symmetry point at {at}: pulsing up and down drives the device there."
    return f"Symmetry point at {at}, unstable: pulsing up and down drives the device away from it."


def _apart(fit: Fit) -> str:
    """That it is not where the mean steps cancel, where that can be told."""
    point, balance = fit.symmetry_point, fit.balance
    if point is None or balance is None or balance.settling is None:
        return ""
    apart = balance.settling.value - point.conductance
    if abs(apart) < DIFFER * max(point.std, balance.settling.std):
        return ", which is not told from the symmetry point"
    return (
        ": not where the mean steps cancel, since scatter that depends on G, or what follows a reversal, shifts it; "
        "park the device as training will pulse it"
    )


def evidence_sentences(fit: Fit) -> Iterator[str]:
    """What the trace shows beyond plain steps, and what was looked for and is not there; readings left out."""
    if fit.estimate.trace.dropouts:
        count = fit.estimate.trace.dropouts
        many = "s were" if count > 1 else " was"
        yield f"{count} reading{many} left out as dropouts: far from those before and after."
    if fit.measured is None:
        return
    evidence, parts = fit.measured.evidence, fit.measured.parts
    there = {name: gain for name, gain in evidence.items() if gain > 0 and _present(name, parts.size)}
    if there:
        told = ", ".join(f"{name} ({gain:.0f}{'' if gain > STRONG else ', weak'})" for name, gain in there.items())
        yield f"Asked for by the trace (by how much each lowers the BIC): {told}."
    absent = [name for name, gain in evidence.items() if gain <= 0]
    if absent:
        yield f"Looked for and not found: {', '.join(absent)}."
    if not parts.ramps and fit.measured.ramps_differ > 0.1:
        chance = fit.measured.ramps_differ
        yield (
            f"That the ramps differ in the size of their steps is not excluded (probability {chance:.2f}): "
            "errors allow for it; more ramps would tell."
        )


def _present(name: str, size: int) -> bool:
    """Finer steps are told once there are any."""
    return size > 2 if "finer" in name else True
