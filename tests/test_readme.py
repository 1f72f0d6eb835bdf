"""What README and docs tell people to type works, and what they name is there."""

import multiprocessing
import os
import re
import runpy
import shlex
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

import transformer
import transformer.cli
from transformer import load_config
from transformer.data.builtin.corpus import sample_pairs

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
# In this order, since one page uses what another has trained.
TRIED = [
    README,
    *(
        ROOT / "docs" / f"{n}.md"
        for n in (
            *("training", "translating", "serving", "gpt", "looking-inside", "paper", "what-if"),
            "scaling",
        )
    ),
]
TRIED.append(ROOT / "docs" / "benchmarks.md")
OTHERS = [ROOT / "docs" / "design.md", ROOT / "docs" / "style.md"]
PAGES = [*TRIED, *OTHERS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]

# A run of a few steps stands for one of minutes or hours: these go behind every training command.
SHORT = ["training.max_steps=4", "training.validate_every=2", "training.val_bleu_sentences=2"]
SMALL = ["tokenizer.vocab_size=600", "model.d_model=16", "model.d_ff=16"]

# Scripts that are run, too. The others need data, peers or hours: see `test_scripts_take_...`.
QUICK_SCRIPTS = {"scripts/build_shortlist.py"}

FORKED = Path(__file__).with_name("forked.py")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *("torch", "torch._dynamo", "datasets", "matplotlib.figure", "sacrebleu"),
        *("transformer.training.loop", "transformer.inference.translator"),
    ]
)

HELP_DESK = [
    ("Der Vorgang ist geschlossen.", "The ticket is closed."),
    ("Wo ist die Anlage?", "Where is the attachment?"),
    ("Das Protokoll fehlt.", "The log is missing."),
    ("Die Störung dauert noch an.", "The incident is still going on."),
]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def all_blocks(page: Path) -> list[tuple[str, str]]:
    """The language and the text of every fenced block, in order; "" for those that name none."""
    return re.findall(r"^```(\w*)\n(.*?)^```", read(page), flags=re.DOTALL | re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in all_blocks(page) if name == language]


def commands(block: str) -> Iterator[str]:
    """The commands of a block in order, `a && b` as two."""
    for line in block.strip().splitlines():
        yield from (command.strip() for command in line.split("&&"))


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the configs and, under data/, text laid out as the pages have it."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("configs", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    data = folder / "data"
    (data / "multi30k").mkdir(parents=True)
    for name, split, n in (("train", "train", 2000), ("val", "val", 10), ("test", "test", 10)):
        german, english = zip(*sample_pairs(split, n), strict=True)
        for place in (data, data / "multi30k"):
            for language, lines in (("de", german), ("en", english), ("fr", german)):
                write(place / f"{name}.{language}", lines)
    pairs = sample_pairs("train", 500)
    write(data / "own.csv", [f'"{en}","{de}"' for de, en in pairs])
    write(data / "helpdesk.val.tsv", ["\t".join(pair) for pair in HELP_DESK])
    [helpdesk] = [text for text in blocks(TRIED[1], "text") if "\t" in text]
    write(data / "helpdesk.tsv", helpdesk.splitlines())
    (data / "shakespeare").mkdir()
    write(data / "shakespeare" / "input.txt", [f"ROMEO:\n{en}\n\nJULIET:" for _, en in pairs])
    return folder


def write(path: Path, lines: Iterator[str] | list[str] | tuple[str, ...]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def forked(words: list[str], folder: Path, output: Path) -> BaseProcess:
    """A process that will run the command. By the file's path: tests are not importable by name."""
    given = {"words": words, "folder": folder, "output": output}
    return FORKS.Process(target=runpy.run_path, args=(str(FORKED), given, "forked"))


def run(words: list[str], folder: Path) -> str:
    """Runs a command in a fork of a process that has imported torch already; that saves seconds."""
    output = folder / ".output"
    process = forked(words, folder, output)
    process.start()
    process.join(600)
    found = output.read_text(encoding="utf-8")
    told = output.with_suffix(".err").read_text(encoding="utf-8")
    assert process.exitcode == 0, f"{shlex.join(words)}\n{found}{told}"
    return found


def run_in_shell(command: str, folder: Path) -> str:
    # The console scripts stand beside the interpreter, whether or not they are on the PATH.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    env = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    shell = ["bash", "-o", "pipefail", "-c", command]
    done = subprocess.run(shell, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def serving(words: list[str], folder: Path) -> Iterator[str]:
    """The address of a service while it runs."""
    output = folder / ".service"
    output.with_suffix(".err").unlink(missing_ok=True)
    process = forked([*words, "--port", "0"], folder, output)
    process.start()
    told = ""
    try:
        while " at http://" not in told:
            assert process.is_alive(), told
            time.sleep(0.1)
            said = output.with_suffix(".err")
            told = said.read_text(encoding="utf-8") if said.exists() else ""
        yield re.findall(r" at (http://\S+)", told)[0]
    finally:
        process.kill()
        process.join()


def try_command(command: str, folder: Path) -> str:
    """Runs a command as it is, but for training, which is cut short. Returns what it prints."""
    words = shlex.split(command)
    if words[0] == "python":
        return run(words, folder) if words[1] in QUICK_SCRIPTS else ""
    if words[0] == "curl":
        with serving(["transformer-serve", "--workers", "1"], folder) as url:
            return run_in_shell(command.replace("http://127.0.0.1:5000", url), folder)
    if words[0] == "transformer-serve" and "--new-key" not in words:
        with serving(words, folder) as url, urllib.request.urlopen(f"{url}/health") as answer:
            return str(answer.read().decode())
    if words[0] == "torchrun":
        words[2] = "2"  # in place of eight
        return run_in_shell(shlex.join([*words, *SHORT, *SMALL]), folder)
    if "|" in words:
        return run_in_shell(command, folder)
    assert words[0].startswith("transformer-"), f"a command that is not known: {command}"
    trains = not {"--dry-run", "--settings", "--resume"} & set(words)
    if words[0] == "transformer-train" and trains:
        words += SHORT
    if words[0] == "transformer-train" and "configs/multi30k" in command:
        words += SMALL
    if words[:2] in (["transformer-lab", "what-if"], ["transformer-lab", "bigram"]):
        words += ["--seeds", "1", *SHORT] if "--list" not in words else []
    if words[:2] == ["transformer-lab", "bigram"]:
        words += ["--only", "+ one head"]
    if words[:2] == ["transformer-lab", "digits"]:
        words += ["--epochs", "1"]
    if "--pronouns" in words:
        words += ["--items", "16"]
    return run(words, folder)


@pytest.mark.slow
def test_the_pages_work_in_the_order_given(workplace: Path) -> None:
    ran: dict[str, str] = {}
    for page in TRIED:
        for language, block in all_blocks(page):
            if language == "yaml" and (name := re.match(r"# (\w+\.yaml)\n", block)):
                (workplace / name[1]).write_text(block, encoding="utf-8")
            if language == "python":
                run(["python", "-c", block], workplace)
            for command in commands(block) if language == "bash" else ():
                # pip and pytest are how these tests came to run.
                if command not in ran and not command.startswith(("pip ", "pytest ")):
                    ran[command] = try_command(command, workplace)
    [answer] = re.findall(r'^It answers "(.*?)"', read(README), re.MULTILINE)
    assert ran['transformer-translate "Die Pizza kam aus dem Ofen"'] == f"{answer}\n"
    assert {command.split()[0] for command in ran} >= {
        f"transformer-{name}"
        for name in (
            "train",
            "translate",
            "evaluate",
            "explain",
            "export",
            "generate",
            "lab",
            "serve",
            "synthesize",
        )
    }
    for name in ("test.en", "lines.en", "greedy.en", "fast.en", "short.en"):
        assert len((workplace / name).read_text(encoding="utf-8").splitlines()) == 10, name


@pytest.mark.parametrize("page", TRIED, ids=name_of)
def test_yaml_is_a_config(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(page, "yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        load_config(path)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_scripts_take_the_options_that_they_are_given(page: Path) -> None:
    for command in (c for block in blocks(page, "bash") for c in commands(block)):
        words = shlex.split(command)
        if words[0] != "python" or words[1] == "-m":
            continue
        script = read(ROOT / words[1])
        for word in words[2:]:
            assert not word.startswith("--") or f'"{word}"' in script or "add_data_arg" in script
            assert not word.startswith("configs/") or (ROOT / word).is_file(), command


def test_no_page_is_left_out() -> None:
    assert set((ROOT / "docs").glob("*.md")) | {README} == {*TRIED, *OTHERS}
    for page in OTHERS:
        assert not blocks(page, "bash") and not blocks(page, "python"), page
        assert name_of(page) in read(README) or page.name in read(ROOT / "docs" / "design.md")


def test_the_readme_is_short_and_begins_with_the_two_commands() -> None:
    assert len(read(README).splitlines()) <= 160
    first, second = blocks(README, "bash")[:2]
    assert first.startswith("pip install -e . && transformer-translate ")
    assert second == "pip install -e '.[test]' && pytest -q\n"


# The trees ----------------------------------------------------------------------------------------


def files_of_tree(page: Path) -> set[Path]:
    """The Python files and folders that a page's tree of `transformer/` names, by indentation."""
    [tree] = (block for block in blocks(page, "") if block.startswith("transformer/\n"))
    named: set[Path] = set()
    above: list[tuple[int, Path]] = []
    for line in tree.splitlines():
        depth = len(line) - len(line.lstrip())
        above = [(d, folder) for d, folder in above if d < depth]
        place = above[-1][1] if above else ROOT
        entries = re.match(r"(\S+?(?:/|\.py|\.yaml))(?:  +(\S+/))?(?=\s|$)", line.strip())
        assert entries, f"no file or folder in the line {line!r}"
        for entry in filter(None, entries.groups()):
            path = place / entry
            assert path.exists(), f"{name_of(page)} names {entry}, which is not in {place}"
            named.add(path)
            if path.is_dir():
                above.append((depth, path))
    return named


def test_the_tree_of_the_design_names_all_files() -> None:
    there = {p for p in (ROOT / "transformer").rglob("*.py") if p.name != "__init__.py"}
    missing = there - files_of_tree(ROOT / "docs" / "design.md")
    assert not missing, f"not in the tree of docs/design.md: {sorted(map(name_of, missing))}"


def test_the_tree_of_the_readme_names_files_and_every_room() -> None:
    package = ROOT / "transformer"
    rooms = {path.parent for path in package.glob("*/__init__.py")}
    assert rooms <= files_of_tree(README)


def test_the_figure_names_files_that_exist() -> None:
    texts = [e.text or "" for e in ElementTree.parse(ROOT / "docs" / "transformer.svg").iter()]
    names = {name for text in texts for name in re.findall(r"[\w/]+\.py", text)}
    assert "attention.py" in names
    for name in names:
        places = [ROOT / "transformer" / name, ROOT / "transformer" / "model" / name]
        assert any(place.is_file() for place in places), name


# Links and leftovers ------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.*)$", read(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_linked_exists(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", read(page)):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file) if file else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page: Path) -> None:
    for name in re.findall(r"\b(?:scripts|configs|tests|docs)/[\w/]+\.\w+", read(page)):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_nothing_is_left_to_fill_in(page: Path) -> None:
    assert not re.findall(r"\b[A-Z]+_(?:LINE|TABLE)\b|TODO|FIXME", read(page))


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load(read(ROOT / "CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == transformer.__version__


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.name)
def test_every_config_opens_with_a_command_that_uses_it(path: Path) -> None:
    header = re.match(r"(?:#.*\n)+", path.read_text(encoding="utf-8"))
    assert header and f"transformer-train --config configs/{path.name}" in header.group()
