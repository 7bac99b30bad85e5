"""The lists of mutations fit the source as it is: each fault can be made, is Python, and has tests that exist."""

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "mutation"))
from families import FAMILIES
from mutants import ROOT, ListError, mutants
from trials import TrialError, trials

SOURCE = """
class Source:
    def check_level(self, volts):
        if not abs(volts) <= self.most:
            raise LimitError("±2 V")
        self._check_power(volts)

    def off(self):
        '''Off.'''
        if self.on:
            self.send("OFF")
            self.on = False

    def sweep(self):
        try:
            yield
        finally:
            self.off()
"""
LIST = """
[files."source.py"]
families = ["endings"]
tests = ["test_source.py"]
[[mutation]]
name = "off is not sent"
file = "source.py"
original = 'self.send("OFF")'
mutated = "pass"
breaks = "the output stays on"
"""


@pytest.fixture
def small(tmp_path):
    (tmp_path / "source.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "test_source.py").write_text("", encoding="utf-8")
    (tmp_path / "lists").mkdir()
    return tmp_path


def made(folder, said):
    (folder / "lists" / "one.toml").write_text(said, encoding="utf-8")
    return mutants(folder, folder / "lists")


def test_every_fault_of_the_lists_can_be_made_and_is_python():
    known = mutants()
    assert len(known) > 300
    assert not [name for name, count in Counter(one.name for one in known).items() if count > 1]
    for one in known:
        source = (ROOT / one.file).read_text(encoding="utf-8")
        changed = one.of(source)
        assert changed != source, f"{one.name} changes nothing"
        ast.parse(changed)
        assert one.breaks
        assert one.tests


def test_paths_are_those_of_the_tree_on_every_system():
    for one in mutants():
        for path in (one.file, *one.tests):
            assert "\\" not in path
            assert (ROOT / path.split("::")[0]).is_file()


def test_families_find_each_of_their_places_once():
    found = {
        name: [(p.function, SOURCE[p.start : p.end], p.mutated) for p in f.places(SOURCE)]
        for name, f in FAMILIES.items()
    }
    assert found == {
        "checks": [("Source.check_level", "self._check_power(volts)", "pass")],
        "refusals": [("Source.check_level", "not abs(volts) <= self.most", "False")],
        "boundaries": [("Source.check_level", "<=", "<")],
        "endings": [
            ("Source.off", 'self.send("OFF")', "pass"),
            ("Source.off", "self.on = False", "pass"),
            ("Source.sweep", "self.off()", "pass"),
        ],
    }


def test_a_list_that_fits_gives_named_faults_and_those_of_families(small):
    known = made(small, LIST)
    assert [one.name for one in known][-1] == "off is not sent"
    assert known[0].name == 'source.py Source.off: left out: self.send("OFF")'
    assert known[-1].of(SOURCE) == SOURCE.replace('self.send("OFF")', "pass")
    said = LIST + f"[[equivalent]]\nname = '{known[0].name}'\nreason = 'it is off already'\n"
    assert [one.equivalent for one in made(small, said)] == ["it is off already", "", "", ""]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('self.send("OFF")', 'self.send("ON")', "stands 0 times in source.py, not once"),
        ('self.send("OFF")', "self.on", "stands 2 times in source.py, not once"),
        ("source.py", "sauce.py", "there is no file sauce.py"),
        ("test_source.py", "test_sauce.py", "there is no test file test_sauce.py"),
        ('breaks = "the output stays on"\n', "", "off is not sent: breaks is missing"),
        ("mutated =", "mutant =", "off is not sent: mutated is missing, mutant is no key of a mutation"),
        ("[[mutation]]", "[[equivalent]]\nname = 'other'\nreason = 'x'\n[[mutation]]", "no mutant is called 'other'"),
    ],
)
def test_a_list_that_does_not_fit_any_more_says_where(small, before, after, told):
    assert before in LIST
    with pytest.raises(ListError, match=r"one\.toml") as caught:
        made(small, LIST.replace(before, after))
    assert told in str(caught.value)


TESTS = """
from source import Source


def test_off_is_sent():
    one = Source()
    one.on, one.sent = True, []
    one.send = one.sent.append
    one.off()
    assert one.sent == ["OFF"]
    assert FAULTLESS
"""


def test_a_fault_that_no_test_notices_survives_and_the_tree_is_left_alone(small):
    (small / "test_source.py").write_text(TESTS.replace("FAULTLESS", "True"), encoding="utf-8")
    known = [one for one in made(small, LIST) if "self.off" not in one.name]
    told = []
    outcomes = {one.mutant.name: one.noticed for one in trials(known, 1, 60.0, lambda *what: told.append(what), small)}
    assert outcomes == {
        'source.py Source.off: left out: self.send("OFF")': "test_source.py::test_off_is_sent",
        "source.py Source.off: left out: self.on = False": "",
        "off is not sent": "test_source.py::test_off_is_sent",
    }
    assert [done for _, done in told] == [0, 1, 1, 1]
    assert (small / "source.py").read_text(encoding="utf-8") == SOURCE


def test_a_package_may_be_called_as_what_is_left_behind(small):
    """What is measured lies in data/runs; a package of that name is source, and is tried like any other."""
    for folder in ("source/runs", "data/runs"):
        (small / folder).mkdir(parents=True)
        (small / folder / "source.py").write_text(SOURCE, encoding="utf-8")
    from_package = TESTS.replace("from source", "from source.runs.source").replace("FAULTLESS", "not RUNS.exists()")
    said = LIST.replace("source.py", "source/runs/source.py").replace("test_source/runs/", "test_")
    (small / "source.py").unlink()
    (small / "test_source.py").write_text(
        f"from pathlib import Path\n{from_package}\n\nRUNS = Path('data/runs')\n", encoding="utf-8"
    )
    known = [one for one in made(small, said) if one.name == "off is not sent"]
    (outcome,) = trials(known, 1, 60.0, lambda *_: None, small)
    assert outcome.noticed == "test_source.py::test_off_is_sent"


def test_tests_that_fail_without_a_fault_end_the_run(small):
    (small / "test_source.py").write_text(TESTS.replace("FAULTLESS", "False"), encoding="utf-8")
    with pytest.raises(TrialError, match=r"without any fault test_source.py::test_off_is_sent fails"):
        list(trials(made(small, LIST), 1, 60.0, lambda *_: None, small))
