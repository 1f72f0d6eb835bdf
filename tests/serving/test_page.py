"""The service's page in a real browser, before a service that answers with fixed data."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from transformer.text.preparing import FOREIGN, already_in, missing

from .fake import PAGE, Fake

SENTENCE = "Die Pizza kam aus dem Ofen"
TRANSLATION = "The pizza came out of the oven"
SECONDS = 10


def test_it_asks_no_other_host_and_has_nothing_inline() -> None:
    for file in PAGE.glob("*"):
        addresses = re.findall(r"https?://[^\s\"'<]*", file.read_text(encoding="utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, file.name
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", index)


def test_both_languages_have_every_text() -> None:
    text = (PAGE / "texts.js").read_text(encoding="utf-8")
    english, german = re.findall(r"^  (?:en|de): \{\n(.*?)^  \},", text, re.DOTALL | re.MULTILINE)
    names = [re.findall(r"^    (\w+):", table, re.MULTILINE) for table in (english, german)]
    assert names[0] == names[1] and len(names[0]) > 50
    holes = [
        dict(re.findall(r"^    (\w+):((?:.|\n     )*)", table, re.MULTILINE))
        for table in (english, german)
    ]
    for name in names[0]:
        found = [sorted(re.findall(r"\{\w+\}", table[name])) for table in holes]
        assert found[0] == found[1], name
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    assert set(re.findall(r'data-(?:text|label|title|hint)="(\w+)"', index)) <= set(names[0])


# In a browser ------------------------------------------------------------------------------------


class Page:
    """A tab and the service behind it."""

    def __init__(self, chromium: Any, fake: Fake, address: str) -> None:
        self.chromium, self.fake, self.address = chromium, fake, address

    def open(
        self, *, language: str = "en", scheme: str = "light", width: int = 1280, height: int = 1000
    ) -> None:
        """Loads the page anew, for a browser in this language, of this width in pixels."""
        device = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.cdp("Emulation.setDeviceMetricsOverride", device)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.cdp("Emulation.setEmulatedMedia", {"features": [feature]})
        agent = {"userAgent": "test", "acceptLanguage": language}
        self.cdp("Emulation.setUserAgentOverride", agent)
        self.chromium.get(self.address)
        self.until(lambda: self.fake.settings.get("filesTranslation") is False or self.formats)

    @property
    def formats(self) -> str:
        return self.text("#formats")

    def cdp(self, command: str, values: dict[str, Any]) -> Any:
        return self.chromium.execute_cdp_cmd(command, values)

    def script(self, script: str, *arguments: Any) -> Any:
        return self.chromium.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.chromium.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        found = self.script("return document.querySelector(arguments[0])?.textContent", selector)
        return str(found or "")

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
        return list(self.script(script, selector))

    def type(self, text: str) -> None:
        self.find("#source-text").send_keys(text)

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.chromium).send_keys(key).perform()

    def point_at(self, element: Any) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.chromium).move_to_element(element).perform()

    def words(self) -> list[Any]:
        return list(self.chromium.find_elements("css selector", "#words .word"))

    def choose(self, name: str, value: str) -> None:
        from selenium.webdriver.support.select import Select

        Select(self.find(f"#{name}")).select_by_value(value)

    def until(self, condition: Callable[[], Any]) -> None:
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.03)

    def until_translated(self, translation: str) -> None:
        self.until(lambda: "\n".join(self.texts("#words > div")) == translation)

    def translate(self, text: str = SENTENCE, translation: str = TRANSLATION) -> None:
        """Types a sentence and waits until it is translated and looked into."""
        self.type(text)
        self.until_translated(translation)
        self.until(lambda: self.script("return !!document.querySelector('#words [data-doubt]')"))

    def lines(self) -> dict[int, float]:
        """The width of each line that is drawn, by the word at its far end."""
        script = """return [...document.querySelectorAll('#lines path')].map(
            path => [Number(path.dataset.word), Number(path.getAttribute('stroke-width'))])"""
        return {int(word): width for word, width in self.script(script)}

    def strongest(self) -> int:
        """The word at the far end of the strongest line, once there are lines."""
        self.until(self.lines)
        lines = self.lines()
        return max(lines, key=lambda word: lines[word])

    def focused(self) -> str:
        return str(self.script("return document.activeElement.textContent.trim()"))

    def complaints(self, *expected: str) -> list[str]:
        """What the browser has logged, but for failures that a test wanted."""
        return [
            entry["message"]
            for entry in self.chromium.get_log("browser")
            if entry["level"] != "DEBUG" and not any(text in entry["message"] for text in expected)
        ]


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    """Forgets what tests before have kept; the browser must have had nothing to complain about."""
    fake = Fake()
    page = Page(chromium, fake, fake.start())
    chromium.get_log("browser")
    try:
        yield page
        assert page.complaints("the server responded with a status of") == []
    finally:
        chromium.get("about:blank")
        fake.stop()


@pytest.mark.slow
def test_a_sentence_is_translated_as_one_types(page: Page) -> None:
    page.open()
    page.translate()
    assert page.text("#spoken") == TRANSLATION
    assert page.find("#spoken").get_attribute("aria-live") == "polite"
    assert [body["q"] for body in page.fake.bodies("/translate")] == [SENTENCE]  # not every key
    assert "84%" in page.text("#confidence")
    assert page.find("#source-text").get_attribute("lang") == "de"
    assert page.find("#words").get_attribute("lang") == "en"
    assert page.find("html").get_attribute("lang") == "en"


@pytest.mark.slow
def test_an_older_answer_does_not_overwrite_a_newer_one(page: Page) -> None:
    page.open()
    page.fake.delays = {"Ein": 1.5}
    page.type("Ein")
    page.until(lambda: page.fake.bodies("/translate"))
    page.type(" Hund läuft durch den Schnee.")
    page.until_translated("A dog runs through the snow.")
    time.sleep(1.6)
    page.until_translated("A dog runs through the snow.")
    assert page.fake.bodies("/translate")[0]["q"] == "Ein"


@pytest.mark.slow
def test_nothing_is_sent_for_an_empty_text(page: Page) -> None:
    page.open()
    page.type("  \n ")
    time.sleep(0.6)
    assert page.fake.requests == []
    page.find("#clear").click()
    page.translate()
    page.find("#clear").click()
    page.until(lambda: not page.words())
    sent = len(page.fake.requests)
    time.sleep(0.6)
    assert len(page.fake.requests) == sent
    assert page.text("#confidence") == page.text("#spoken") == page.text("#problem") == ""
    assert page.find("#waiting").is_displayed() and not page.find("#copy").is_displayed()
    assert page.focused() == "" and page.find("#source-text").get_property("value") == ""


@pytest.mark.slow
def test_clearing_gives_up_what_is_on_its_way(page: Page) -> None:
    page.open()
    page.fake.delays = {SENTENCE: 0.7}
    page.type(SENTENCE)
    page.until(lambda: page.fake.bodies("/translate"))
    page.find("#clear").click()
    time.sleep(1)
    assert not page.words()


@pytest.mark.slow
def test_swapping_moves_the_translation_to_the_other_side(page: Page) -> None:
    page.open()
    page.translate()
    page.find("#swap").click()
    page.until_translated(SENTENCE)
    assert page.find("#source-text").get_property("value") == TRANSLATION
    assert page.fake.bodies("/translate")[-1]["source"] == "en"
    assert page.fake.bodies("/translate")[-1]["target"] == "de"
    assert page.find("#source-text").get_attribute("lang") == "en"
    assert page.find("#words").get_attribute("lang") == "de"


@pytest.mark.slow
def test_the_language_is_found_out(page: Page) -> None:
    page.open()
    page.choose("source", "auto")
    page.translate()
    assert page.text("#detected") == "German, 98% certain"
    assert page.fake.bodies("/explain")[-1]["source"] == "de"
    page.find("#clear").click()
    page.type(TRANSLATION)  # is English, so that it goes into German
    page.until_translated(SENTENCE)
    assert page.find("#target").get_property("value") == "de"
    page.find("#swap").click()
    page.until_translated(TRANSLATION)
    assert page.find("#source").get_property("value") == "de"


@pytest.mark.slow
def test_another_word_is_chosen(page: Page) -> None:
    page.open()
    page.translate()
    page.words()[2].click()
    page.until(lambda: page.texts("#menu button"))
    asked = page.fake.bodies("/alternatives")[-1]
    assert asked["prefix"] == "The pizza " and asked["q"] == SENTENCE
    shown = page.texts("#menu .rest")
    assert shown[:2] == ["was coming out of the oven", "arrived from the oven"]
    assert len(shown) == 3  # not what stands there already
    page.find("#menu button:nth-child(2)").click()
    page.until_translated("The pizza arrived from the oven")
    assert page.focused() == "arrived"
    page.until(lambda: len(page.fake.bodies("/explain")) == 2)
    assert page.fake.bodies("/explain")[-1]["translation"] == "The pizza arrived from the oven"
    assert len(page.fake.bodies("/translate")) == 1


@pytest.mark.slow
def test_where_nothing_else_fits_it_says_so(page: Page) -> None:
    page.open()
    page.translate()
    page.words()[5].click()
    page.until(lambda: "Nothing else" in page.text("#popup-note"))
    page.find("h1").click()
    assert not page.find("#popup").is_displayed()


@pytest.mark.slow
def test_pointing_at_a_word_draws_lines_to_what_it_attends_to(page: Page) -> None:
    page.open()
    page.translate()
    page.choose("layer", "1")
    page.choose("head", "2")  # the one that is aligned
    page.point_at(page.words()[6])
    assert page.strongest() == 5  # oven → Ofen
    assert page.text("#detail").startswith("oven · 97% sure · attends to Ofen\u00a074%")
    page.point_at(page.words()[1])
    page.until(lambda: page.text("#detail").startswith("pizza"))
    assert page.strongest() == 1
    page.choose("head", "1")  # attends to all alike
    page.until(lambda: len(set(page.lines().values())) == 1)
    page.choose("view", "saliency")
    assert not page.find("#layer").is_enabled() and not page.find("#head").is_enabled()
    page.point_at(page.words()[1])
    assert page.strongest() == 1
    assert "log-probability depends on Pizza\u00a0+1.19" in page.text("#detail")


@pytest.mark.slow
def test_pointing_at_the_source_draws_lines_to_where_it_was_attended_to(page: Page) -> None:
    from selenium.webdriver import ActionChains

    page.open()
    page.translate()
    x, y = page.script("""const node = document.getElementById('mirror').firstChild;
        const range = document.createRange(); range.setStart(node, 4); range.setEnd(node, 9);
        const box = range.getBoundingClientRect(), field = document.getElementById('source-text')
          .getBoundingClientRect();
        return [box.left + box.width / 2 - field.left - field.width / 2,
                box.top + box.height / 2 - field.top - field.height / 2]""")
    field = page.find("#source-text")
    ActionChains(page.chromium).move_to_element_with_offset(field, int(x), int(y)).perform()
    assert page.strongest() == 1
    assert page.text("#detail").startswith("Pizza · attended to by pizza")


@pytest.mark.slow
def test_the_text_below_the_field_breaks_lines_as_the_field_does(page: Page) -> None:
    page.open(width=390)
    for text in (
        "Die Pizza kam aus dem Ofen, und sie schmeckte gut.",
        "\n\nDonaudampfschifffahrtsgesellschaftskapitänswitwe" * 2,
        "a  b\t" * 30 + "\n",
    ):
        page.script(
            """const field = document.getElementById('source-text');
            field.value = arguments[0]; field.dispatchEvent(new Event('input'))""",
            text,
        )
        field, mirror = page.script(
            """const field = document.getElementById('source-text').cloneNode();
            field.value = arguments[0]; field.style.cssText = 'height: 0; align-self: start';
            document.querySelector('.field').append(field);
            const heights = [field.scrollHeight, document.getElementById('mirror').scrollHeight];
            field.remove(); return heights""",
            text,
        )
        least = page.script("return document.querySelector('.field').clientHeight")
        assert mirror == max(field, least)


@pytest.mark.slow
def test_unsure_words_are_marked_and_numbered(page: Page) -> None:
    page.open()
    page.translate()
    doubts = [word.get_attribute("data-doubt") for word in page.words()]
    assert doubts == ["0", "0", "1", "2", "0", "0", "0"]
    assert page.words()[3].get_attribute("title") == "55% sure"
    colours = {
        page.script("return getComputedStyle(arguments[0]).backgroundColor", word)
        for word in page.words()[1:4]
    }
    assert len(colours) == 3


@pytest.mark.slow
def test_lines_of_a_text_are_looked_into_one_by_one(page: Page) -> None:
    page.open()
    text = f"{SENTENCE}\nEin Satz. Noch ein Satz.\nEin Hund läuft durch den Schnee."
    page.type(text)
    third = "A dog runs through the snow."
    page.until_translated(f"{TRANSLATION}\nEIN SATZ. NOCH EIN SATZ.\n{third}")
    time.sleep(0.6)
    assert page.fake.bodies("/explain") == []
    page.point_at(page.words()[1])
    assert page.strongest() == 1
    page.point_at(page.words()[8])
    page.until(lambda: "several sentences" in page.text("#detail"))
    page.words()[8].click()
    page.until(lambda: "several sentences" in page.text("#popup-note"))
    page.press("\ue00c")
    page.point_at(page.words()[-3])
    page.until(lambda: len(page.fake.bodies("/explain")) == 2)
    assert page.fake.bodies("/explain")[-1]["translation"] == third
    assert page.fake.bodies("/alternatives") == []


@pytest.mark.slow
def test_the_keyboard_reaches_everything(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.open()
    page.press(Keys.TAB)
    assert page.focused() == "Skip to the text field"
    page.press(Keys.ENTER, *SENTENCE)
    page.until_translated(TRANSLATION)
    page.until(lambda: page.fake.bodies("/explain"))
    page.press(Keys.HOME, Keys.ARROW_RIGHT)
    assert page.strongest() == 0
    page.press(Keys.TAB)
    assert page.focused() == "Clear"
    page.press(Keys.TAB, Keys.TAB, Keys.TAB)
    assert page.focused() == "The"
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.focused() == "came"
    page.until(lambda: page.text("#detail").startswith("came"))
    page.press(Keys.ENTER)
    page.until(lambda: page.focused().startswith("was"))
    page.press(Keys.ESCAPE)
    assert page.focused() == "came" and not page.find("#popup").is_displayed()
    page.press(Keys.ENTER)
    page.until(lambda: page.focused().startswith("was"))
    page.press(Keys.ARROW_DOWN, Keys.ENTER)
    page.until_translated("The pizza arrived from the oven")
    assert page.focused() == "arrived"
    page.press(Keys.TAB)
    assert page.focused() == "Copy"
    page.press(Keys.TAB)
    assert page.script("return document.activeElement.id") == "view"
    page.until(lambda: page.text("#detail").startswith("arrived"))  # stays, to choose a head
    assert page.lines()
    page.press(Keys.ESCAPE)
    assert not page.lines()


@pytest.mark.slow
def test_the_translation_is_copied(page: Page) -> None:
    page.open()
    page.translate()
    permissions = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.cdp("Browser.grantPermissions", permissions)
    page.find("#copy").click()
    page.until(lambda: page.text("#notes") == "Copied")
    read = "navigator.clipboard.readText().then(arguments[0])"
    assert page.chromium.execute_async_script(read) == TRANSLATION


@pytest.mark.slow
def test_files_are_translated(page: Page, tmp_path: Path) -> None:
    page.open()
    notes, program = tmp_path / "notes.txt", tmp_path / "program.exe"
    notes.write_text("Ein Hund", encoding="utf-8")
    program.write_bytes(b"MZ")
    page.find("#file").send_keys(str(notes))
    page.until(lambda: page.texts("#made a"))
    link = page.find("#made a")
    assert link.text == "Download notes.en.txt"
    assert link.get_property("href") == f"{page.address}download_file/notes.en.txt"
    [body] = page.fake.bodies("/translate_file")
    assert "Ein Hund" in body["form"] and 'name="target"\r\n\r\nen' in body["form"]
    page.find("#file").send_keys(str(program))
    page.until(lambda: "cannot be translated" in page.text("#made .problem"))
    assert len(page.fake.bodies("/translate_file")) == 1


@pytest.mark.slow
def test_a_file_may_be_dropped_anywhere(page: Page) -> None:
    page.open(language="de")
    page.script("""const data = new DataTransfer();
        data.items.add(new File(['Ein Hund'], 'brief.txt'));
        for (const kind of ['dragover', 'drop'])
          document.querySelector('h1').dispatchEvent(
            new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}))""")
    page.until(lambda: page.texts("#made a") == ["brief.en.txt herunterladen"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "language", "shown"),
    [
        (400, "en", "The service could not accept this. no such language"),
        (403, "de", "Der Dienst nimmt diesen API-Schlüssel nicht an."),
        (500, "en", "Something went wrong in the service."),
        (504, "de", "Die Übersetzung hat zu lange gedauert."),
    ],
)
def test_an_error_is_shown_in_words(page: Page, status: int, language: str, shown: str) -> None:
    page.fake.failures = {"/translate": [(status, {}, "no such language")]}
    page.open(language=language)
    page.type(SENTENCE)
    page.until(lambda: page.text("#problem").startswith(shown))
    assert page.find("#problem").get_attribute("role") == "alert"
    page.type(".")
    page.until(lambda: page.text("#problem") == "")


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_once_more(page: Page, status: int) -> None:
    busy = (status, {"Retry-After": "1"}, "busy")
    page.fake.failures = {"/translate": [busy]}
    page.open()
    page.type(SENTENCE)
    page.until(lambda: page.text("#notes").startswith("The service is busy. Trying again in 1 s"))
    page.until_translated(TRANSLATION)
    assert page.text("#notes") == page.text("#problem") == ""
    page.fake.failures = {"/translate": [busy, busy]}
    page.type(".")
    page.until(lambda: page.text("#problem"))
    assert len(page.fake.bodies("/translate")) == 4
    assert page.text("#notes") == ""


@pytest.mark.slow
def test_warnings_are_shown(page: Page) -> None:
    page.fake.answers = {"/translate": {"warnings": ["A <b>number</b> is lost."]}}
    page.open(language="de")
    page.type(SENTENCE)
    page.until(lambda: page.text("#notes") == "A <b>number</b> is lost.")
    assert page.find("#notes p").get_attribute("lang") == "en"


@pytest.mark.slow
def test_what_the_service_says_is_said_in_german(page: Page) -> None:
    warnings = [FOREIGN, already_in("en"), missing("1.234,56 €")]
    page.fake.answers = {"/translate": {"warnings": warnings}}
    page.open(language="de")
    page.type(SENTENCE)
    page.until(lambda: len(page.texts("#notes p")) == 3)
    assert page.texts("#notes p") == [
        "Das scheint weder Deutsch noch Englisch zu sein.",
        "nicht übersetzt: Das ist anscheinend schon Englisch.",
        "1.234,56 € fehlt oder ist verändert",
    ]
    assert page.find("#notes p").get_attribute("lang") == "de"
    page.fake.failures = {
        "/translate": [
            (400, {}, "the text has 12,345 characters, and 5,000 are allowed at a time"),
        ]
    }
    page.type(" x")
    page.until(lambda: "12.345 Zeichen; erlaubt sind 5.000" in page.text("#problem"))


@pytest.mark.slow
def test_any_text_is_only_text(page: Page) -> None:
    nasty = "<img src=x onerror=alert(1)> & <b>'\"</b>"
    page.open()
    page.type(nasty)
    page.until_translated(nasty.upper())
    assert not page.chromium.find_elements("css selector", "#stage img, #stage b")


@pytest.mark.slow
def test_a_text_that_is_too_long_is_not_sent(page: Page) -> None:
    page.fake.settings = {"charLimit": 10}
    page.open()
    page.type(SENTENCE)
    page.until(lambda: "26 of at most 10 characters" in page.text("#problem"))
    assert page.fake.requests == []


@pytest.mark.slow
def test_a_key_is_asked_for_where_one_is_needed(page: Page) -> None:
    page.open()
    assert not page.find("#key").is_displayed()
    page.fake.settings = {"apiKeys": True, "keyRequired": True}
    page.open()
    page.type(SENTENCE)
    page.until(lambda: page.text("#problem") == "Please enter the API key first.")
    assert page.fake.requests == []
    page.find("#key").send_keys("secret")
    page.until_translated(TRANSLATION)
    page.until(lambda: page.fake.bodies("/explain"))
    assert all(body["api_key"] == "secret" for _, body in page.fake.requests)
    page.open()
    assert page.find("#key").get_property("value") == "secret"
    page.script("sessionStorage.clear()")


@pytest.mark.slow
def test_the_card_is_shown(page: Page) -> None:
    page.open()
    page.find("#card-open").click()
    page.until(lambda: page.texts("#card-body strong") == ["German"])
    assert page.find("#card").get_property("open")
    page.press("\ue00c")
    assert not page.find("#card").get_property("open")
    assert page.focused() == "Model card"


@pytest.mark.slow
def test_language_and_scheme_are_chosen_and_kept(page: Page) -> None:
    page.open(language="de-AT", scheme="dark")
    assert page.text("h1") == "Übersetzer"
    paper = "return getComputedStyle(document.body).backgroundColor"
    dark = page.script(paper)
    page.find("#theme").click()
    page.find("#language").click()
    assert page.text("h1") == "Translator"
    light = page.script(paper)
    page.open(language="de-AT", scheme="dark")
    assert page.text("h1") == page.chromium.title == "Translator"
    assert page.script(paper) == light != dark
    page.script("localStorage.clear()")


@pytest.mark.slow
def test_only_its_own_host_is_asked(page: Page) -> None:
    page.chromium.get_log("performance")
    page.open()
    page.translate()
    page.find("#card-open").click()
    page.until(lambda: page.texts("#card-body strong"))
    messages = [json.loads(entry["message"]) for entry in page.chromium.get_log("performance")]
    asked = [
        message["message"]["params"]["request"]["url"]
        for message in messages
        if message["message"]["method"] == "Network.requestWillBeSent"
    ]
    assert len(asked) > 8
    assert all(url.startswith(page.address) for url in asked)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(page: Page, scheme: str, language: str, width: int) -> None:
    from axe_core_python.selenium import Axe  # type: ignore[import-untyped]

    def violations() -> list[str]:
        found = Axe().run(page.chromium)["violations"]
        return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]

    page.fake.settings = {"keyRequired": True}
    page.open(scheme=scheme, language=language, width=width)
    page.find("#key").send_keys("secret")
    assert violations() == []
    page.translate(
        "Die Pizza kam aus dem Ofen, und sie schmeckte gut.",
        "The pizza came out of the oven, and it tasted good.",
    )
    page.point_at(page.words()[8])
    page.until(page.lines)
    assert violations() == []
    overflow = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.script(overflow) <= 0
    page.words()[2].click()
    page.until(lambda: page.texts("#menu button"))
    assert violations() == []
    page.press("\ue00c")
    page.find("#card-open").click()
    page.until(lambda: page.texts("#card-body strong"))
    assert violations() == []
    page.script("sessionStorage.clear()")
