"""Are the steps straight lines in G? A score test that allows for uncertain cycle-to-cycle noise."""

from __future__ import annotations

import numpy as np
from scipy import stats

from instruments.crosspoints import FloatArray
from sim_device.fit import kernels
from sim_device.fit.average import FARTHEST, NEGLIGIBLE, node_at
from sim_device.fit.estimate import Estimate, Shape, likelihood, maximum, scaled_inverse

CLEAR, UNCLEAR = 1e-3, 0.05  # where both quick tests are below the one or above the other, they settle it
DEGREES = 4  # Legendre terms of each step: two beyond a straight line
CURVED = Shape(kernels.POLYNOMIAL, DEGREES)
PLAIN = 0.2  # with σc² taken as known already no more unlikely than this: nothing is to be settled


def trend(straight: Estimate) -> float:
    """Score test of curved against straight steps, ``Q = sᵀ I⁻¹ s`` for k further Legendre terms; p-value.

    Needs no fit of the curved steps: score s and information I come from the filter of the straight ones. With σc²
    known, Q ~ χ²(k); but a slow random walk can pass for curvature, and curvature for a walk, so what is not known of
    σc² counts. Two quick ways to do so; where they leave it open, the curved steps are fitted after all.
    """
    if not straight.nodes:
        q, _, terms = _at(straight, straight.theta)
        return float(stats.chi2.sf(q, terms))
    at = 2 * straight.shape.size
    logs = np.array([log_weight for log_weight, _ in straight.nodes])
    q, _, terms = _at(straight, straight.nodes[int(np.argmax(logs))][1])
    plain = float(stats.chi2.sf(q, terms))
    if plain > PLAIN:
        return plain
    cycle = np.array([theta[at] for _, theta in straight.nodes])
    weights = np.exp(logs - np.max(logs))
    weights /= np.sum(weights)
    spread = float(weights @ (cycle - weights @ cycle) ** 2)
    few, over = _with_few_steps(straight, logs, cycle, spread), _over_cycle(straight)
    return few if max(few, over) < CLEAR or min(few, over) > UNCLEAR else _by_fitting(straight)


def _with_few_steps(straight: Estimate, logs: FloatArray, cycle: FloatArray, spread: float) -> float:
    """σc² known as if from ν = 2/Var(ln σc²) steps: an F test, as in a regression with few points.

    Of the variance of s a part ρ is due to the walk, ``ρ = −∂ln|I|/∂ln σc² / k``; what curvature explains is no
    scatter: ``F = (Q/k) (ν − k)/(ν − ρQ) ~ F(k, (ν − k)/ρ²)`` (dof after Satterthwaite, Biometrics 2, 110 (1946)).
    """
    best = int(np.argmax(logs))
    low, high = max(0, best - 2), min(len(logs) - 1, best + 2)
    q, _, terms = _at(straight, straight.nodes[best][1])
    change = _at(straight, straight.nodes[high][1])[1] - _at(straight, straight.nodes[low][1])[1]
    share = float(np.clip(-change / (terms * (cycle[high] - cycle[low])), 0.02, 1.0))
    known = max(2.0 / spread, terms + 2.0)
    f = q / terms * (known - terms) / max(known - share * q, 1e-3)
    return float(stats.f.sf(f, terms, (known - terms) / share**2))


def _over_cycle(straight: Estimate) -> float:
    """Chance averaged over σc² with the weights that curved steps give it, ``ln w + Q/2 − ½ ln |I|``."""
    nodes = list(straight.nodes)
    tests = [(log_weight, *_at(straight, theta)) for log_weight, theta in nodes]
    tests += _lower(straight, nodes, tests)
    logs = np.array([log_weight + q / 2 - log_det / 2 for log_weight, q, log_det, _ in tests])
    weights = np.exp(logs - np.max(logs))
    chances = np.array([stats.chi2.sf(q, terms) for _, q, _, terms in tests])
    return float(weights @ chances / np.sum(weights))


def _by_fitting(straight: Estimate) -> float:
    """As `_over_cycle`, with ``Q = 2 (ln L curved − ln L straight)`` of curved steps fitted at each σc²."""
    curved = maximum(straight.trace, CURVED, [_extended(straight.theta)])
    at, at_curved = 2 * straight.shape.size, 2 * DEGREES
    terms = curved.numbers - straight.numbers
    logs: list[float] = []
    chances: list[float] = []
    theta = curved.theta
    for log_weight, old in straight.nodes:
        node = node_at(curved, theta, old[at] - theta[at_curved])
        theta = node.theta
        plain = node_at(straight, old, 0.0)
        q = max(0.0, 2.0 * (node.log_likelihood - plain.log_likelihood))
        logs.append(log_weight + node.log_weight - plain.log_weight)
        chances.append(float(stats.chi2.sf(q, terms)))
    weights = np.exp(np.array(logs) - np.max(logs))
    return float(weights @ np.array(chances) / np.sum(weights))


def _extended(old: FloatArray) -> FloatArray:
    """Start of curved steps from straight ones: steps, ln σc², ln σr²."""
    theta = np.zeros(2 * DEGREES + 2)
    theta[:2], theta[DEGREES : DEGREES + 2], theta[2 * DEGREES :] = old[:2], old[2:4], old[4:6]
    return theta


def _lower(
    straight: Estimate, nodes: list[tuple[float, FloatArray]], tests: list[tuple[float, float, float, int]]
) -> list[tuple[float, float, float, int]]:
    """Nodes below those of the straight steps, as long as curved steps give them weight."""
    at = 2 * straight.shape.size
    move = nodes[0][1][at] - nodes[1][1][at]
    best = max(log_weight + q / 2 - log_det / 2 for log_weight, q, log_det, _ in tests)
    theta = nodes[0][1]
    found: list[tuple[float, float, float, int]] = []
    log_weight, q, log_det, _ = tests[0]
    while log_weight + q / 2 - log_det / 2 > best - NEGLIGIBLE and len(found) < FARTHEST:
        node = node_at(straight, theta, move)
        theta, log_weight = node.theta, node.log_weight
        q, log_det, terms = _at(straight, theta)
        found.append((log_weight, q, log_det, terms))
        best = max(best, log_weight + q / 2 - log_det / 2)
    return found


def _at(straight: Estimate, old: FloatArray) -> tuple[float, float, int]:
    """(Q, ln |I|, number of further terms) at one σc."""
    trace, total = straight.trace, 2 * DEGREES + kernels.EXTRA
    theta = np.zeros(total)
    theta[:2], theta[DEGREES : DEGREES + 2], theta[2 * DEGREES :] = old[:2], old[2:4], old[4:]
    _, score, information, _ = likelihood(trace, CURVED, theta)
    extra = [i + d * DEGREES for d, way in enumerate((+1, -1)) if trace.has(way) for i in range(2, DEGREES)]
    kept = [int(i) for i in np.flatnonzero(straight.free & ~straight.held) if i != 4]
    base = [i + (DEGREES - 2) * (i > 1) + (DEGREES - 2) * (i > 3) for i in kept]
    inner, across = information[np.ix_(base, base)], information[np.ix_(extra, base)]
    # What the straight steps could still take up is taken out (Neyman's C(α)): the estimate is not exactly a maximum.
    taken = across @ scaled_inverse(inner)
    left = score[extra] - taken @ score[base]
    spread = information[np.ix_(extra, extra)] - taken @ across.T
    _, log_det = np.linalg.slogdet(spread)
    return float(left @ scaled_inverse(spread) @ left), float(log_det), len(extra)
