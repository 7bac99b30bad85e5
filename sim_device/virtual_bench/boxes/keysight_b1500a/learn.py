"""What a Keysight B1500A tells of its settings, as the commands that would bring it there (``*LRN?``).

Source: B1500A Programming Guide, chapter 4, ``*LRN?``. Types that are not here belong to what the twin does not model.
"""

from __future__ import annotations

from sim_device.virtual_bench.boxes.keysight_b1500a.mainframe import KeysightB1500AMainframe
from sim_device.virtual_bench.languages.flex import VALUE, FlexError, whole


def learn(twin: KeysightB1500AMainframe, kind: float) -> str:
    """Settings of one type: 0 output switches, 1 to 10 what the module in a slot forces, others by group."""
    number = whole(kind, 0, 60)
    if number == 0:
        closed = twin.closed()
        return "CN" + ",".join(str(one) for one in closed) if closed else "CL"
    if number in twin.smus:
        smu = twin.smus[number]
        return smu.forced.learnt(number) if smu.on else f"CL{number}"
    groups = {30: _filters, 31: _measuring, 32: _ranges, 46: _sides, 53: _resistors, 55: _converters, 56: _integration}
    if number == 33:
        return twin.staircase.learnt()
    if number == 60:
        return f"TSC{twin.flags['TSC']}"
    if number not in groups:
        raise FlexError(VALUE)
    return groups[number](twin)


def _filters(twin: KeysightB1500AMainframe) -> str:
    on = [str(slot) for slot, smu in twin.smus.items() if smu.filtered]
    off = [str(slot) for slot, smu in twin.smus.items() if not smu.filtered]
    if not on or not off:
        return "FL1" if on else "FL0"
    return f"FL0,{','.join(off)};FL1,{','.join(on)}"


def _measuring(twin: KeysightB1500AMainframe) -> str:
    mode, samples = twin.converters.fast
    spot = f";MM{twin.mode},{','.join(str(one) for one in twin.spot)}" if twin.spot else ""
    return f"TM1;AV{samples:g},{mode % 2};CM{twin.flags['CM']};FMT{twin.style},{int(twin.with_source)}{spot}"


def _ranges(twin: KeysightB1500AMainframe) -> str:
    return ";".join(f"{name}{slot},{code}" for slot, smu in twin.smus.items() for name, code in smu.ranges.items())


def _sides(twin: KeysightB1500AMainframe) -> str:
    return ";".join(f"CMM{slot},{smu.side}" for slot, smu in twin.smus.items())


def _resistors(twin: KeysightB1500AMainframe) -> str:
    return ";".join(f"SSR{slot},0" for slot in twin.smus)


def _converters(twin: KeysightB1500AMainframe) -> str:
    return ";".join(f"AAD{slot},{int(smu.fine)}" for slot, smu in twin.smus.items())


def _integration(twin: KeysightB1500AMainframe) -> str:
    (fast, samples), (fine, figures) = twin.converters.fast, twin.converters.fine
    return f"AIT0,{fast},{samples:g};AIT1,{fine},{figures:g};AZ{twin.flags['AZ']}"
