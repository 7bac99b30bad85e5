"""What `kernels_update.py` has AIHWKit do, beside labshd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

NODES = 11  # of the measured table
Call: TypeAlias = Callable[[], object]


def vector(size: int, least: float, seed: int) -> Any:
    """Numbers of either sign, uniform in magnitude between `least` and 1."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return rng.uniform(least, 1.0, size) * rng.choice([-1.0, 1.0], size)


class AIHWKit:
    """The same work by AIHWKit."""

    def __init__(self) -> None:
        import torch
        from aihwkit.simulator.configs import SingleRPUConfig
        from aihwkit.simulator.configs.devices import ExpStepDevice, PiecewiseStepDevice, SoftBoundsDevice
        from aihwkit.simulator.tiles import AnalogTile

        self.torch, self.single, self.tile = torch, SingleRPUConfig, AnalogTile
        nodes = [1 - k / (NODES - 1) for k in range(NODES)]
        self.devices: dict[str, Any] = {
            "soft bounds": SoftBoundsDevice(),
            "exponential step": ExpStepDevice(),
            "table": PiecewiseStepDevice(piecewise_up=nodes, piecewise_down=nodes[::-1]),
        }

    def _tile(self, kind: str, shape: tuple[int, int], length: int) -> Any:
        config = self.single(device=self.devices[kind])
        config.update.desired_bl = length
        config.update.update_bl_management = config.update.update_management = False
        tile = self.tile(*shape, config)
        tile.set_learning_rate(self.devices[kind].dw_min * length)
        return tile

    def update(self, kind: str, shape: tuple[int, int], length: int, least: float) -> Call:
        """One update by the same vectors, and so by as many pulses."""
        tile = self._tile(kind, shape, length)
        d, x = (self.torch.tensor(vector(n, least, k)[None], dtype=self.torch.float) for k, n in enumerate(shape))
        return lambda: tile.update(x, d)

    def trace(self) -> Call:
        """A pulse on all devices, their states copied out, 2,000 times."""
        import numpy as np

        tile = self._tile("soft bounds", (100, 100), 1)
        x, down = self.torch.ones(1, 100), self.torch.ones(1, 100)
        up = -down  # kept: the tile may look at it later

        def once() -> None:
            states = np.empty((2000, 100, 100), dtype=np.float32)
            for k in range(2000):
                tile.update(x, down if k % 2 else up)
                states[k] = tile.tile.get_weights()

        return once

    def forward(self, batch: int) -> Call:
        """The read path with its defaults."""
        tile = self.tile(512, 512, self.single(device=self.devices["soft bounds"]))
        x = self.torch.rand(batch, 512) * 2 - 1
        return lambda: tile.forward(x)
