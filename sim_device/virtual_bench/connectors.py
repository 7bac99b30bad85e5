"""Connections to a virtual bench: connectors of its instruments, and a VISA library that reaches them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sim_device.virtual_bench.bench_clock import BenchClock
from sim_device.virtual_bench.boxes.twins import Twin

if TYPE_CHECKING:
    from sim_device.virtual_bench.reach.visa import Port, VirtualVisaLibrary


class Connectors:
    """What a bench with twins has; PyVISA is imported when somebody asks for a way in."""

    twins: dict[str, Twin]  # by VISA resource name
    clock: BenchClock

    @cached_property
    def _all_ports(self) -> dict[str, Port]:
        from sim_device.virtual_bench.reach.visa import Port

        return {resource: Port(twin) for resource, twin in self.twins.items()}

    @cached_property
    def _visa(self) -> VirtualVisaLibrary:
        from sim_device.virtual_bench.reach.visa import VirtualVisaLibrary

        return VirtualVisaLibrary.around(self.ports(), self.clock)

    def ports(self) -> dict[str, Port]:
        """The connectors of the instruments by resource name; always the same ones."""
        return self._all_ports

    def library(self) -> VirtualVisaLibrary:
        """The VISA library that reaches the instruments; always the same one."""
        return self._visa
