"""Tutorials: what they tell a reader to type is run, in the order in which it stands."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from labshd.cli.command_line import main

ROOT = Path(__file__).parents[1]
TUTORIALS = {
    "first-device.md": "ecram.toml",
    "two-terminal.md": "rram.toml",
    "three-terminal.md": "ecram.toml",
    "array-overnight.md": "ecram.toml",
    "to-a-simulator.md": "ecram.toml",
    "new-protocol.md": "ecram.toml",
    "wiring.md": "crossbar.toml",
}
"""Each with the station that it asks the reader to copy as bench.toml."""


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_runs_as_it_stands(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LABSHD_RUNS", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "data" / "stations" / TUTORIALS[name], "bench.toml")
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    scope: dict[str, object] = {}
    assert f"stations/{TUTORIALS[name]}" in text
    blocks = re.findall(r"^```(sh|python|toml)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert {"sh", "python"} <= {language for language, _ in blocks}
    for language, code in blocks:
        if file := re.match(r"# (\S+\.(?:py|toml))\n", code):
            Path(file[1]).write_text(code, encoding="utf-8")
            continue
        if language == "python":
            exec(compile(code, name, "exec"), scope)
            continue
        for line in code.strip().splitlines():
            command, *arguments = shlex.split(line, comments=True)
            assert command == "labshd"
            assert main(arguments) == 0, f"{line}: {capsys.readouterr().err}"


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
