"""The page: one file, which shows in a real browser the numbers of the explanation."""

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from transformer.errors import UserError
from transformer.inference.translator import Translator
from transformer.inspection.explanation import Explanation, Side
from transformer.inspection.page import page

NASTY = ["▁</script><b>x</b>", "▁&amp;", '▁"', "▁'", "▁漢字", "</s>"]


@pytest.fixture(scope="module")
def explanation() -> Explanation:
    return Translator.load().explain("Der Mann las das Buch, weil es spannend war.")


@pytest.fixture(scope="module")
def nasty() -> Explanation:
    n = len(NASTY)
    weights = torch.rand(2, 2, n, n).softmax(dim=-1)
    side = Side.of(NASTY)
    zeros = tuple(0.0 for _ in NASTY)
    saliency = torch.randn(n, n)
    return Explanation(side, side, "<s>", zeros, weights, weights, weights, saliency)


def test_it_asks_no_host_for_anything(explanation: Explanation) -> None:
    text = page(explanation)
    addresses = set(re.findall(r"https?://[^\s\"'<]*", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of SVG, which nobody loads
    assert not re.findall(r"<(?:link|img|iframe)|src=|@import|url\(", text)


def test_no_word_can_end_the_script(nasty: Explanation) -> None:
    text = page(nasty)
    assert text.count("</script>") == 2
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    found = json.loads(data[1])
    assert found["views"]["cross"]["rows"] == [name.replace("▁", "") for name in NASTY]


def test_a_notebook_shows_it_in_a_frame(nasty: Explanation) -> None:
    shown = nasty._repr_html_()
    assert shown.startswith("<iframe") and shown.endswith("</iframe>")
    # Within the attribute, nothing ends it.
    assert re.fullmatch(r'<iframe srcdoc="[^"]*" title="[^"]*" style="[^"]*"></iframe>', shown)


def test_too_many_words_are_refused_and_a_notebook_says_so() -> None:
    side = Side.of([f"▁w{i}" for i in range(121)])
    none = torch.zeros(1, 1, 121, 121)
    many = Explanation(side, side, "<s>", (0.0,) * 121, none, none, none, none[0, 0])
    with pytest.raises(UserError, match="at most 120 words a side; found 121"):
        page(many)
    assert many._repr_html_().startswith("<p>&lt;Explanation: 121 source words")


# In a browser ------------------------------------------------------------------------------------

Open = Callable[[Explanation], Any]


@pytest.fixture(scope="module")
def browser(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Opens a page in Chromium, and fails at the end if it complained."""
    folder = tmp_path_factory.mktemp("pages")
    chromium.set_window_size(900, 1200)
    pages: list[Path] = []

    def show(explanation: Explanation) -> Any:
        pages.append(folder / f"{len(pages)}.html")
        pages[-1].write_text(page(explanation), encoding="utf-8")
        chromium.get(pages[-1].as_uri())
        return chromium

    yield show
    assert chromium.get_log("browser") == []


def texts(chromium: Any, selector: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
    return list(chromium.execute_script(script, selector))


def choose(chromium: Any, name: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(chromium.find_element("id", name)).select_by_value(value)


def point_at(chromium: Any, selector: str, i: int) -> None:
    from selenium.webdriver import ActionChains

    word = chromium.find_elements("css selector", selector)[i]
    ActionChains(chromium).move_to_element(word).perform()


@pytest.mark.slow
def test_pointing_at_a_word_shows_its_numbers(browser: Open, explanation: Explanation) -> None:
    chromium = browser(explanation)
    found = explanation.map("cross")
    assert texts(chromium, "#queries .word") == list(found.rows)
    assert texts(chromium, "#keys .word") == list(found.columns)
    n_lines = len(chromium.find_elements("css selector", "svg line"))
    for view, layer, head in (("cross", 2, 3), ("encoder", 1, 1), ("decoder", 2, None)):
        choose(chromium, "view", view)
        choose(chromium, "layer", str(layer))
        choose(chromium, "head", str(head or "mean"))
        point_at(chromium, "#queries .word", 2)
        values = explanation.map(view, layer=layer, head=head).values[2]  # type: ignore[arg-type]
        shown = [float(text) for text in texts(chromium, "#keys .number")]
        assert shown == pytest.approx(values.tolist(), abs=0.006)
        assert 0 < len(chromium.find_elements("css selector", "svg line")) < n_lines


@pytest.mark.slow
def test_words_are_reached_by_keyboard_and_kept_by_a_click(
    browser: Open, explanation: Explanation
) -> None:
    from selenium.webdriver.common.keys import Keys

    chromium = browser(explanation)
    word = chromium.find_elements("css selector", "#keys .word")[1]
    word.send_keys(Keys.ENTER)
    values = explanation.map("cross").values[:, 1].tolist()
    chromium.execute_script("document.activeElement.blur()")
    shown = [float(text) for text in texts(chromium, "#queries .number")]
    assert shown == pytest.approx(values, abs=0.006)
    chances = [math.exp(sum(explanation.log_probs[i] for i in s)) for s in explanation.target.spans]
    assert texts(chromium, "#queries .chance") == [f"p {chance:.2f}" for chance in chances]
    assert word.get_attribute("aria-pressed") == "true"


@pytest.mark.slow
def test_what_has_no_heads_offers_none(browser: Open, explanation: Explanation) -> None:
    chromium = browser(explanation)
    for view in ("rollout", "encoder-rollout", "decoder-rollout", "saliency"):
        choose(chromium, "view", view)
        assert not chromium.find_element("id", "layer").is_enabled()
        point_at(chromium, "#queries .word", 1)
        shown = [float(text.replace("−", "-")) for text in texts(chromium, "#keys .number")]
        values = explanation.map(view).values[1]  # type: ignore[arg-type]
        assert shown == pytest.approx(values.tolist(), abs=0.0006)


@pytest.mark.slow
def test_any_text_is_only_text(browser: Open, nasty: Explanation) -> None:
    chromium = browser(nasty)
    assert texts(chromium, "#queries .word") == [name.replace("▁", "") for name in NASTY]
    assert not chromium.find_elements("css selector", "li b")


@pytest.mark.slow
def test_it_fits_a_phone(browser: Open, explanation: Explanation) -> None:
    chromium = browser(explanation)
    chromium.set_window_size(500, 900)
    width, inner = chromium.execute_script(
        "return [document.documentElement.scrollWidth, innerWidth]"
    )
    assert width <= inner
    chromium.set_window_size(900, 1200)
