"""What a physicist reads of every protocol: words instead of keys, an error or its reason, captions without holes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from rehearsed import rehearsed
from test_protocols_recorded import ON_RRAM, SHORT, short

from labshd.common.numbers import lists, main_first, rows, split_unit
from labshd.recording.recorder import record
from labshd.report.run_report import figures_of
from labshd.report.sections import caption_of
from labshd.runs.durations import took
from protocols.common.result_words import MAIN, WORDS

ALL: dict[str, dict[str, Any]] = {**SHORT, "update-response": {"pulses": 40}, "symmetry-point": {"budget": 600}}
_ONE_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?( [fpnµmkMG]?(S|V|A|s|Hz|ohm|W))?")


def keys_of(result: Any) -> set[str]:
    """Keys of the single numbers and sentences of a result; columns of numbers are for figures."""
    if isinstance(result, dict):
        own = {key for key, value in result.items() if not isinstance(value, dict | list)}
        return own | {key for value in result.values() for key in keys_of(value)}
    return {key for item in result for key in keys_of(item)} if isinstance(result, list) else set()


@pytest.mark.parametrize("name", ALL)
def test_every_number_of_a_protocol_has_words_and_an_error_or_its_reason(name: str, tmp_path: Path) -> None:
    protocol = short(name) if name in SHORT else _long(name)
    with rehearsed("rram.toml" if name in ON_RRAM else "ecram.toml", edit=ON_RRAM.get(name), seed=4) as station:
        run = record(protocol, station["A1"], runs=tmp_path, station=station)
    assert run.status == "finished"
    result = {key: value for key, value in (run.result or {}).items() if key != "verdict"}
    for key in keys_of(result):
        bare = split_unit(key)[0]
        assert "std" in key or key.endswith(("_low", "_high")) or bare in WORDS, f"{name}: no word for {key}"
    for label, said in rows(result):
        assert "_" not in label, (label, said)
        assert not re.search(r"± 0(\.0*)?( |$)", said), (label, said)
        if _ONE_NUMBER.fullmatch(said):
            assert not set(".e") & set(said), f"{name}: {label} {said} has no error and no reason"
            assert not said[-1].isalpha(), f"{name}: {label} {said} has no error and no reason"
        assert "no error given" not in said, f"{name}: {label} {said}"
    for _, columns, _ in lists(result):
        assert not any("_" in column or "no error given" in column for column in columns)
    main, rest = main_first(result, name)
    assert set(main) | set(rest) == set(result)
    assert split_unit(next(iter(main)))[0] == next(n for n in MAIN[name] if n in {split_unit(k)[0] for k in result})
    captions = [caption_of(figure) for figure in figures_of(run)]
    assert captions
    for caption in captions:
        assert not re.search(r"against\s*[;.]|against\s*$|^\s*against|;\s*[;.]", caption), caption
    assert re.fullmatch(r"bench time .+ \(rehearsed in .+\)", took(run))


def _long(name: str) -> Any:
    from protocols.common import catalogue

    return catalogue.find(name).model_validate(ALL[name])


def test_panels_that_share_an_axis_take_its_label_from_below() -> None:
    figure = Figure()
    top, bottom = figure.subplots(2, 1)
    top.set_ylabel("conductance")
    bottom.set(ylabel="estimate so far", xlabel="pulses applied")
    assert caption_of(figure) == "Conductance against pulses applied; estimate so far against pulses applied."


def test_a_panel_without_labels_and_a_colour_bar_leave_no_hole() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    left.set(xlabel="column", ylabel="row")
    bar = figure.colorbar(left.imshow([[1.0, 2.0]]), ax=left)
    bar.ax.set_ylabel("swing")
    right.plot([1, 2])
    assert caption_of(figure) == "Row against column; swing."
    assert caption_of(Figure()) == "What was measured."


def test_every_word_can_be_read_without_knowing_the_keys() -> None:
    assert not [key for key, word in WORDS.items() if not word.label or "_" in word.label]
    assert all(name in WORDS for names in MAIN.values() for name in names)
