"""Are the steps straight lines in G? A score test that allows for what is not known of the cycle-to-cycle noise."""

from __future__ import annotations

import numpy as np
from scipy import stats

from instruments.crosspoints import FloatArray
from sim_device.fit import kernels
from sim_device.fit.average import FARTHEST, NEGLIGIBLE, node_at
from sim_device.fit.estimate import Estimate, scaled_inverse

DEGREES = 4  # Legendre terms of each step: two beyond a straight line


def trend(straight: Estimate) -> float:
    """Score test of curved against straight steps, ``Q = sᵀ I⁻¹ s ~ χ²`` for further Legendre terms; p-value.

    At a given σc needs no fit of the curved steps: score s and information I come from the filter of the straight
    ones. Then averaged over σc as a t-test averages over the variance, with the weights that curved steps give it,
    ``ln w' = ln w + Q/2 − ½ ln |I|``: a slow random walk can pass for curvature, and curvature for a walk.
    """
    nodes = list(straight.nodes) or [(0.0, straight.theta)]
    tests = [(log_weight, *_at(straight, theta)) for log_weight, theta in nodes]
    if straight.nodes:
        tests += _lower(straight, nodes, tests)
    logs = np.array([log_weight + q / 2 - log_det / 2 for log_weight, q, log_det, _ in tests])
    weights = np.exp(logs - np.max(logs))
    chances = np.array([stats.chi2.sf(q, terms) for _, q, _, terms in tests])
    return float(weights @ chances / np.sum(weights))


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
    score, information, outer = kernels.empty_results(total)
    kernels.log_likelihood(kernels.POLYNOMIAL, DEGREES, np.zeros(1), theta, trace.compiled, score, information, outer)
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
