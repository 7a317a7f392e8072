"""The page about models of one's own is followed to the letter: its files, its commands, its verdicts."""

from __future__ import annotations

import os
import re
import shlex
import time
from pathlib import Path

import pytest

from suites.selftest.conftest import python
from suites.selftest.whole.pages import FENCE, Page

PAGE = Page("suites/models/README.md")
FOLDER = "my_models"
MOST_S = 600.0
WORDS = {"top1": "PASS (mini)", "top5": "PASS (mini)", "inputs": "PASS (mini)", "difference": "PASS (mini)", "cosine": "PASS (mini)",
         "flipped": "PASS (mini)", "clips/s": "RECORDED"}


def section(title: str) -> str:
    """The text below a heading of the page, up to the next one."""
    return PAGE.text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def written(title: str, folder: Path) -> list[str]:
    """Write the files that a section shows below *folder*, and return its commands."""
    commands: list[str] = []
    for kind, block in FENCE.findall(section(title)):
        name = re.match(rf"# ({FOLDER}/\S+)\n", block)
        if kind == "console":
            commands += block.splitlines()
        else:
            assert name, f"a block of {title!r} has no name of a file"
            (folder / name[1]).parent.mkdir(exist_ok=True)
            (folder / name[1]).write_text(block)
    return commands


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("title", ["An mmaction2 config", "A torch module"])
def test_a_section_can_be_followed_to_the_letter(title: str, tmp_path: Path, every_core: None) -> None:
    """From nothing, in less than ten minutes of the processor: every row has the page's verdict."""
    [command] = written(title, tmp_path)
    program, *arguments = shlex.split(command.replace(FOLDER, str(tmp_path / FOLDER)))
    before, began = os.times(), time.monotonic()
    done = python("-m", program, "-p", "no:cacheprovider", *arguments, f"--artifacts={tmp_path}", timeout_s=3000)
    after = os.times()
    spent = (after.children_user + after.children_system) - (before.children_user + before.children_system)
    print(f"{title}: {time.monotonic() - began:.0f} s, {spent:.0f} s of the processor")

    verdicts = dict(re.findall(r"^\S+-bs4-cpu +mini +(\S+) .*? ((?:PASS|FAIL|RECORDED|NO VERDICT|ERROR|SUSPECT)[ ():a-z0-9]*)$",
                               done.stdout, re.MULTILINE))
    assert done.returncode == 0, done.stdout + done.stderr
    assert {name: word.removesuffix(" (short)").removesuffix(": learning (1 of 8)").strip() for name, word in verdicts.items()} == WORDS
    assert spent < MOST_S
