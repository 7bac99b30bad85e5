"""Scatter of single steps against conductance, with read noise taken out."""

from __future__ import annotations

import numpy as np

from instruments.crosspoints import FloatArray
from sim_device.fit import kernels
from sim_device.fit.estimate import Estimate

WIDTH = 0.1  # of the kernel, in half ranges
FEWEST = 30.0  # effective steps around a node; with fewer the cycle-to-cycle noise of the whole trace stands in


def local_scatter(estimate: Estimate, x: FloatArray, way: int) -> FloatArray:
    """Standard deviation [scaled] of one up (+1) or down (−1) step at scaled conductances `x`.

    ``s²(x) = <(y′ − y − n f(g))²/n>(x) − 2σr²/n`` over single differences of readings, averaged with a Gaussian kernel
    at the smoothed state g; no assumption is made of how it goes with the step.
    """
    s, trace = estimate.shape, estimate.trace
    out = np.empty((7, len(trace)))
    kernels.smoothed(s.kind, s.size, s.knots, estimate.theta, trace.compiled, out)
    single = ~trace.starts[1:] & (trace.count[1:] > 0) & (trace.count[:-1] > 0) & (trace.pulses[1:] == way)
    g = out[4, :-1][single]
    cycle, read, write = (float(np.exp(estimate.theta[2 * s.size + i])) for i in range(3))
    ends = read / trace.count[1:][single] + read / trace.count[:-1][single] + 2 * write
    mean_step = np.array([estimate.at(float(at), way)[0] for at in x])
    change: FloatArray = np.diff(trace.mean)
    residual = change[single] - np.interp(g, x, mean_step)
    weight = np.exp(-0.5 * ((g[np.newaxis, :] - x[:, np.newaxis]) / WIDTH) ** 2)
    total = np.sum(weight, axis=1)
    variance = weight @ (residual**2 - ends) / np.maximum(total, 1e-300)
    assumed = cycle * mean_step**2
    return np.sqrt(np.where(total > FEWEST, np.maximum(variance, 0.0), assumed))
