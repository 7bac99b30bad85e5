"""Whatever is asked of a driver, nothing beyond the limits of the station reaches a device, seen from the wires."""

import random
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import check_limits


@pytest.mark.parametrize("seed", range(4))
def test_no_request_drives_a_device_beyond_the_limits(seed):
    random_, tally = random.Random(seed), Counter()
    for _ in range(150):
        check_limits.trial(random_, tally)
    assert tally["beyond a limit"] == 0
    assert tally["requests"] == 1800
    assert tally["a bias that its compliance does not hold"] < 180
    assert tally["refused before a byte was sent"] > 300  # much of what is asked is beyond, and is refused
    assert tally["refused by the instrument"] == 0  # and is refused by labshd, not left to the instrument


def test_the_observer_would_notice():
    """A generator driven past its driver is seen."""
    random_ = random.Random(1)
    allowed = check_limits.limits(random_)
    bench = check_limits.VirtualBench(
        check_limits.Wiring(check_limits.Kind.THREE_TERMINAL, None),
        check_limits.make_devices(["a"], "ecram", seed=1),
        {check_limits.NAME: "keysight-81160a"},
    )
    twin = bench.twins[check_limits.NAME]
    for command in (":ARM:SOUR1 MAN", ":FUNC1 PULS", ":VOLT1:HIGH 5", ":VOLT1:LOW 0", ":OUTP1 ON", "*TRG"):
        twin.receive(command)
    assert allowed.pulse_voltage < 10
    assert check_limits.beyond(bench, allowed)


def test_the_observer_would_notice_a_gate():
    """A bias source driven past its driver is seen, and so is one that goes off under a driven device."""
    bench = check_limits.VirtualBench(
        check_limits.Wiring(check_limits.Kind.ONE_TRANSISTOR, None, one_output=True),
        check_limits.make_devices(["a"], "rram", seed=1),
        {
            "smu": "keithley-2450",
            "bias": [check_limits.Cabled("keithley-2450", role="bias")],
        },
    )
    allowed = check_limits.limits(random.Random(1)).model_copy(update={"gate_voltage": 1.0, "current": 1.0})
    for command in (":SOUR:VOLT 1.2", ":OUTP ON"):
        bench.twins["bias"].receive(command)
    assert check_limits.beyond(bench, allowed) == ["1.2 V at a gate"]
    bench.twins["smu"].receive(":OUTP ON")
    bench.twins["bias"].receive(":OUTP OFF")
    assert "the bias source goes on or off while another output is on" in check_limits.beyond(bench, allowed)[-1]
