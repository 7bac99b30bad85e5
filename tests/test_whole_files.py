"""Files are written whole or not at all, through no link that lies there, and a pipe is not waited for."""

import os

import pytest

from instruments.whole_files import is_plain_file, read_bytes, read_text, written_whole
from labshd.runs.info import printable


def write_half(path):
    with written_whole(path) as passing:
        passing.write_text("half", encoding="utf-8")
        raise RuntimeError("power cut")


def test_a_file_that_fails_on_the_way_leaves_the_old_one_and_nothing_beside(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(RuntimeError, match="power cut"):
        write_half(path)
    assert read_text(path) == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]
    with written_whole(path) as passing:
        passing.write_text("new", encoding="utf-8")
    assert read_text(path) == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_no_name_beside_it_can_be_foreseen(tmp_path):
    names = set()
    for _ in range(3):
        with written_whole(tmp_path / "a.json") as passing:
            assert passing.parent == tmp_path
            names.add(passing.name)
    assert len(names) == 3


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_at_the_place_is_replaced_and_not_followed(tmp_path):
    other = tmp_path / "other"
    other.write_text("mine", encoding="utf-8")
    (tmp_path / "a.json").symlink_to(other)
    with written_whole(tmp_path / "a.json") as passing:
        passing.write_text("new", encoding="utf-8")
    assert read_text(other) == "mine"
    assert read_text(tmp_path / "a.json") == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert not is_plain_file(tmp_path / "pipe")
    assert not is_plain_file(tmp_path / "none")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match="no file that ends"):
            read_bytes(path)


def test_line_ends_of_all_systems_are_read_alike(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert read_text(tmp_path / "a", "utf-8-sig") == "a\nb\nc\n"
    (tmp_path / "b").write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(tmp_path / "b")


def test_text_of_others_steers_no_terminal_and_blanks_are_kept():
    said = printable({"why": "a\x1b[2J\nb", "list": ["1\u202f000", "\u202eevil"], "text": "x\n\x1b", "k\x07": 1})
    assert said == {"why": "a\ufffd[2J b", "list": ["1\u202f000", "\ufffdevil"], "text": "x\n\x1b", "k\ufffd": 1}
