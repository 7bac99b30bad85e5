"""Averages fitted steps over the cycle-to-cycle noise, which is only known with an error.

Straight steps can follow a slow random walk, so the plain maximum makes σc too small and the steps too certain. The
restricted likelihood allows for it, ``ln Lr(σc) = max ln L − ½ ln |I|`` over all other numbers, with I their
information; and these are averaged over σc with the weights ``Lr(σc) π(σc)``:

    θ̄ = Σ wj θj,    Cov θ = Σ wj [Ij⁻¹ + (θj − θ̄)(θj − θ̄)ᵀ]

(Patterson & Thompson, Biometrika 58, 545 (1971): restricted likelihood; the sum is a one-dimensional quadrature.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit import kernels
from sim_device.fit.estimate import Estimate, Limits, likelihood, limits_of, scaled_inverse
from sim_device.fit.solver import maximise

FARTHEST = 12  # nodes to either side
TINY = 1e-4  # gain of ln L that ends a maximisation at a node: a hundredth of a standard error
MANY = 6  # terms of a step; more are only fitted to data that allow for it
LONG = 20_000  # rows from which on the noise is known well enough by itself
NEGLIGIBLE = 4.0  # nodes whose ln weight is lower by this end the sum


@dataclass(frozen=True)
class Node:
    """θ and its information at a given σc, with ``ln L + ln π`` and ``ln Lr + ln π`` of it."""

    theta: FloatArray
    information: FloatArray
    log_likelihood: float
    log_weight: float


def averaged(estimate: Estimate) -> Estimate:
    """The estimate with the cycle-to-cycle noise integrated out; the same where there is nothing to gain."""
    at = 2 * estimate.shape.size
    if not estimate.free[at] or estimate.held[at] or _enough(estimate):
        return estimate
    spread = 1.0 / np.sqrt(max(estimate.information[at, at], 1e-3))
    step = float(np.clip(spread, 0.02, 0.8))
    limits = limits_of(estimate)
    nodes = [node_at(estimate, estimate.theta, 0.0, limits)]
    if not np.isfinite(nodes[0].log_weight):
        return estimate
    for sign in (+1, -1):
        last = nodes[0]
        for _ in range(FARTHEST):
            last = node_at(estimate, last.theta, sign * step, limits)
            if not np.isfinite(last.log_weight):
                break
            nodes.append(last)
            if last.log_weight < max(node.log_weight for node in nodes) - NEGLIGIBLE:
                break
    return _mixed(estimate, nodes)


def _enough(estimate: Estimate) -> bool:
    """Whether the noise is known well enough without averaging: very many rows, or enough for very many numbers."""
    return len(estimate.trace) > LONG or estimate.shape.size > MANY


def node_at(estimate: Estimate, theta: FloatArray, move: float, limits: Limits | None = None) -> Node:
    """Everything but ln σc² maximised, from `theta` with ln σc² moved by `move`, and held there."""
    s, at = estimate.shape, 2 * estimate.shape.size
    free, floor, ceiling, prior = limits or limits_of(estimate)
    free = free & (np.arange(s.total) != at)
    moved = theta.copy()
    moved[at] += move
    score, information, _ = kernels.empty_results(s.total)
    value, _, _ = maximise(
        s.kind, s.size, s.knots, moved, free, floor, ceiling, prior, *estimate.known, estimate.trace.compiled, 25,
        TINY, score, information,
    )  # fmt: skip
    others = np.flatnonzero(free & ~estimate.held)
    if not (np.isfinite(value) and np.all(np.isfinite(information))):
        return Node(moved, information, -np.inf, -np.inf)
    return Node(moved, information, value, value - 0.5 * _log_det(information[np.ix_(others, others)]))


def _log_det(matrix: FloatArray) -> float:
    """Logarithm of the determinant; directions of which nothing is known count as known very little."""
    scale = 1.0 / np.sqrt(np.maximum(np.diag(matrix), 1e-20))
    values = np.linalg.eigvalsh(matrix * np.outer(scale, scale))
    return float(np.sum(np.log(np.maximum(values, 1e-14))) - 2.0 * np.sum(np.log(scale)))


def _mixed(estimate: Estimate, nodes: list[Node]) -> Estimate:
    logs = np.array([node.log_weight for node in nodes])
    weights = np.exp(logs - np.max(logs))
    weights /= np.sum(weights)
    kept = tuple(
        (node.log_weight, node.theta.copy())
        for node in sorted(nodes, key=lambda node: node.theta[2 * estimate.shape.size])
    )
    thetas = np.array([node.theta for node in nodes])
    mean, at = weights @ thetas, 2 * estimate.shape.size
    # The mean of σc itself, not of its logarithm, whose distribution has a long tail to 0.
    cycle = np.exp(thetas[:, at] / 2)
    mean[at] = 2 * np.log(weights @ cycle)
    thetas[:, at] = mean[at] + 2 * (cycle / np.exp(mean[at] / 2) - 1.0)
    others = np.flatnonzero(estimate.free & ~estimate.held & (np.arange(len(mean)) != at))
    covariance = np.zeros_like(estimate.information)
    for weight, node in zip(weights, nodes, strict=True):
        covariance[np.ix_(others, others)] += weight * scaled_inverse(node.information[np.ix_(others, others)])
    away = thetas - mean
    covariance += (away.T * weights) @ away
    value, _, information, _ = likelihood(estimate.trace, estimate.shape, mean)
    size = len(estimate.known.mean)
    information[:size, :size] += estimate.known.precision
    return replace(estimate, theta=mean, log_likelihood=value, information=information, mixture=covariance, nodes=kept)
