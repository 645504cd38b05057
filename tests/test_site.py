"""Is the built site what a reader needs: in light and dark, on a phone, with
the keyboard, without script, without network?

All pages of `_build/html` are opened in a real Chromium, over a server on this
machine and as files. `make test` builds them before.
"""

import gzip
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect

from tests.colours import contrast
from tests.site_pages import DESKTOP, PAGES, SITE

MOST_PAGE_BYTES = 250_000
MOST_LOADED_BYTES = 400_000
PHONE = {"width": 390, "height": 844}

CONTROLS = "figure.explorer :is(input, select)"
SLIDERS = "figure.explorer input[type=range]"

# Puts a control on each of its values in turn and tells what the reader meets.
SWEEP = """control => {
  const figure = control.closest("figure");
  const picture = figure.querySelector(".explorer-panels");
  const value = control.parentElement.querySelector(".explorer-value");
  const kind = control.type;
  const count = kind === "checkbox" ? 2
    : kind === "range" ? +control.max + 1 : control.options.length;
  const start = kind === "checkbox" ? +control.checked
    : kind === "range" ? +control.value : control.selectedIndex;
  const put = (place) => {
    if (kind === "checkbox") control.checked = place === 1;
    else if (kind === "range") control.value = place;
    else control.selectedIndex = place;
    control.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const box = (element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const below = top - figure.getBoundingClientRect().top;
    return [left, below, width, height].map(Math.round).join(" ");
  };
  const seen = { pictures: new Set(), boxes: new Set(), said: [], written: [] };
  for (let place = 0; place < count; place++) {
    put(place);
    seen.pictures.add(picture.innerHTML);
    seen.boxes.add(`figure ${box(figure)}, picture ${box(picture)}, `
      + `control ${box(control)}`);
    seen.said.push(control.getAttribute("aria-valuetext"));
    seen.written.push(value?.innerText.trim());
  }
  put(start);
  return { ...seen, pictures: seen.pictures.size, boxes: [...seen.boxes] };
}"""

# Moves the first control of each figure; tells which other figures changed.
DISTURBED = """figures => {
  const disturbed = [];
  for (const figure of figures) {
    const control = figure.querySelector("input, select");
    if (!control) continue;  // a figure that only shows
    const others = figures.filter(other => other !== figure);
    const before = others.map(other => other.innerHTML);
    const own = figure.innerHTML;
    if (control.type === "checkbox") control.checked = !control.checked;
    else if (control.type === "range") {
      control.value = +control.value === +control.max ? 0 : control.max;
    } else {
      const last = control.options.length - 1;
      control.selectedIndex = control.selectedIndex === last ? 0 : last;
    }
    control.dispatchEvent(new Event("input", { bubbles: true }));
    if (figure.innerHTML === own) disturbed.push("does not move itself");
    others.forEach((other, place) => {
      if (other.innerHTML !== before[place]) disturbed.push(other.outerHTML);
    });
  }
  return disturbed;
}"""


class Watch:
    """What went wrong in a tab, and what it has loaded.

    Args:
        page: The tab. Requests to other hosts than `site` are refused.
        site: The start of all addresses that belong to the site.
    """

    def __init__(self, page, site):
        self.page = page
        self.site = site
        self.foreign, self.errors, self.loaded = [], [], []
        page.route("**/*", self.route)
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", self.response)

    def route(self, route):
        address = route.request.url
        if address.startswith(self.site) or urlsplit(address).scheme == "data":
            route.continue_()
        else:
            self.foreign.append(address)
            route.abort()

    def console(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def response(self, response):
        address = response.url.removeprefix(self.site)
        path = SITE / urlsplit(address).path
        if response.ok and path.is_file():
            self.loaded.append(path)


@pytest.fixture(scope="module")
def on_phone(browser, site):
    """Open tabs as on a phone that prefers dark pages."""
    context = browser.new_context(
        viewport=PHONE, color_scheme="dark", has_touch=True, is_mobile=True
    )
    yield context
    context.close()


def open_page(context, site, name):
    """Open a page in a new tab; return what watches it."""
    watch = Watch(context.new_page(), site)
    watch.page.goto(site + name, wait_until="load")
    return watch


@pytest.fixture(scope="module", params=PAGES or ["no page"])
def desk(request, at_desk, site):
    """Have one page open while it is tested."""
    watch = open_page(at_desk, site, request.param)
    yield watch
    watch.page.close()


@pytest.fixture(scope="module", params=PAGES or ["no page"])
def phone(request, on_phone, site):
    """Have one page open on a phone while it is tested."""
    watch = open_page(on_phone, site, request.param)
    yield watch
    watch.page.close()


def gzipped(paths):
    """Return what files weigh on the wire, in bytes."""
    return sum(len(gzip.compress(path.read_bytes(), 6)) for path in paths)


def label_of(control):
    """Return what a reader sees next to a control."""
    return control.evaluate("e => [...e.labels].map(l => l.innerText).join()")


# --- Each page at a desk -----------------------------------------------------


def test_page_weighs_little(desk):
    (first, *_) = desk.loaded
    assert first.suffix == ".html"
    assert gzipped([first]) < MOST_PAGE_BYTES
    assert gzipped(desk.loaded) < MOST_LOADED_BYTES


def test_page_says_what_it_is(desk):
    page = desk.page
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title().strip()
    described = page.locator("meta[name=description]")
    assert described.count() == 1
    assert len(described.get_attribute("content")) > 20
    assert page.locator("h1:visible").count() == 1


def test_icon_and_logo_are_the_books_own(desk):
    page = desk.page
    icons = page.locator("link[rel~=icon]")
    logos = page.locator("img.logo__image:visible")
    assert icons.count() == logos.count() == 1
    for address in (
        icons.evaluate("link => link.href"),
        logos.evaluate("image => image.src"),
    ):
        assert address == f"{desk.site}_static/logo.svg"
    assert logos.evaluate("image => image.naturalWidth") > 0


def test_page_has_one_search_box(desk):
    boxes = desk.page.locator(
        "input[type=search]:visible, .search-button__button:visible"
    )
    assert boxes.count() == 1


def test_first_tab_skips_to_the_content(desk):
    page = desk.page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    link = page.locator("#pst-skip-link a")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate(
        "document.querySelector('main').contains(document.activeElement)"
    )


def test_every_control_has_a_label_that_one_sees_and_hears(desk):
    for control in desk.page.locator(CONTROLS).all():
        label = control.locator("xpath=ancestor::label/span[1]")
        expect(label).to_be_visible()
        assert re.search(r"\w", label.inner_text())
        expect(control).to_have_accessible_name(label.inner_text())


def test_every_value_of_every_control_fits(desk):
    """The picture changes, the layout does not, the value is said."""
    for control in desk.page.locator(CONTROLS).all():
        label = label_of(control)
        seen = control.evaluate(SWEEP)
        assert seen["pictures"] > 1, label
        assert len(seen["boxes"]) == 1, label
        if control.get_attribute("type") == "range":
            assert seen["said"] == seen["written"]
            assert all(seen["said"]), label


def test_one_sees_that_a_control_changes_its_picture(desk):
    """Markup may differ where the eye sees none: compare what is drawn."""
    for control in desk.page.locator(CONTROLS).all():
        picture = control.locator("xpath=ancestor::figure").locator(
            ".explorer-panels"
        )
        control.scroll_into_view_if_needed()
        first = picture.screenshot()
        for move in MOVES[control.evaluate("e => e.type")]:
            control.evaluate(move)
            control.dispatch_event("input")
            if picture.screenshot() != first:
                break
        else:
            pytest.fail(f"It changes nothing: {label_of(control)}")


MOVES = {
    "range": [
        "e => { e.value = e.max }",
        "e => { e.value = e.min }",
    ],
    "checkbox": ["e => { e.checked = !e.checked }"],
    "select-one": [
        "e => { e.selectedIndex = e.options.length - 1 }",
        "e => { e.selectedIndex = 0 }",
    ],
}


def test_keys_move_a_slider_and_its_picture(desk):
    for slider in desk.page.locator(SLIDERS).all():
        figure = slider.locator("xpath=ancestor::figure")
        last = int(slider.get_attribute("max"))
        pictures = []
        for key, place in (("Home", 0), ("ArrowRight", 1), ("End", last)):
            slider.press(key)
            assert slider.input_value() == str(place)
            pictures.append(figure.locator(".explorer-panels").inner_html())
        assert len(set(pictures)) > 1


def test_explorers_of_a_page_do_not_disturb_each_other(desk):
    figures = desk.page.locator("figure.explorer")
    assert figures.evaluate_all(DISTURBED) == []


def test_page_asks_no_other_host_and_has_no_errors(desk):
    """Also not while the tests above moved its controls."""
    assert desk.foreign == []
    assert desk.errors == []


# --- Each page on a phone ----------------------------------------------------


def test_page_does_not_scroll_sideways(phone):
    width = phone.page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


def test_text_in_figures_is_large_enough_and_stands_out(phone):
    """At least 9 pixels high, and in the dark as light as other text."""
    for figure in phone.page.locator("figure.explorer").all():
        texts = figure.evaluate(
            """figure => [...figure.querySelectorAll("svg text")].map(text => {
              const style = getComputedStyle(text);
              const svg = text.ownerSVGElement;
              return {
                text: text.textContent,
                fill: style.fill,
                ground: getComputedStyle(document.body).backgroundColor,
                pixels: parseFloat(style.fontSize)
                  * svg.getBoundingClientRect().width
                  / svg.viewBox.baseVal.width,
              };
            })"""
        )
        assert texts
        for text in texts:
            assert text["pixels"] >= 9, text
            assert contrast(text["fill"], text["ground"]) >= 4.5, text


def test_tap_moves_a_slider(phone):
    for slider in phone.page.locator(SLIDERS).all():
        picture = slider.locator("xpath=ancestor::figure").locator(
            ".explorer-panels"
        )
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        seen = []
        for share in (0.1, 0.9):
            slider.tap(
                position={"x": box["width"] * share, "y": box["height"] / 2}
            )
            seen.append((int(slider.input_value()), picture.inner_html()))
        (low, at_low), (high, at_high) = seen
        assert low < high
        assert at_low != at_high


def test_layout_on_a_phone_does_not_move(phone):
    for control in phone.page.locator(CONTROLS).all():
        seen = control.evaluate(SWEEP)
        assert len(seen["boxes"]) == 1, label_of(control)


def test_menu_of_chapters_opens_on_a_phone(phone):
    page = phone.page
    chapters = page.locator("nav.bd-docs-nav a:visible")
    assert chapters.count() == 0
    page.locator("button.primary-toggle").tap()
    expect(chapters.first).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(chapters).to_have_count(0)


def test_page_on_a_phone_asks_no_other_host_and_has_no_errors(phone):
    """Also not while the tests above tapped on it."""
    assert phone.foreign == []
    assert phone.errors == []


# --- Each page as a file, and without script ---------------------------------


@pytest.mark.parametrize("name", PAGES or ["no page"])
def test_page_works_as_a_file(new_context, site, name):
    """From a USB stick: sliders move, nothing fails, every link leads on."""
    context = new_context(viewport=DESKTOP, offline=True)
    watch = open_page(context, f"{SITE.as_uri()}/", name)
    page = watch.page
    for slider in page.locator(SLIDERS).all():
        picture = slider.locator("xpath=ancestor::figure").locator(
            ".explorer-panels"
        )
        slider.press("Home")
        before = picture.inner_html()
        slider.press("End")
        assert picture.inner_html() != before
    addresses = page.evaluate(
        "[...document.querySelectorAll('a[href], link[href], script[src], "
        "img[src]')].map(e => e.href || e.src)"
    )
    local = [urlsplit(a) for a in addresses if a.startswith("file:")]
    assert local
    assert [a.path for a in local if not Path(unquote(a.path)).is_file()] == []
    assert watch.errors == []
    assert watch.foreign == []


@pytest.mark.parametrize("name", PAGES or ["no page"])
def test_page_without_script_shows_its_figures_and_no_dead_controls(
    new_context, site, name
):
    context = new_context(viewport=DESKTOP, java_script_enabled=False)
    page = context.new_page()
    page.goto(site + name)
    for figure in page.locator("figure.explorer").all():
        for svg in figure.locator("svg").all():
            expect(svg).to_be_visible()
            assert svg.bounding_box()["height"] > 100
        dead = figure.locator(":is(input, select, button):visible")
        assert dead.count() == 0
    # Nor buttons of the theme that only script could serve.
    assert page.locator(".pst-js-only:visible").count() == 0


# --- The site as a whole -----------------------------------------------------


@pytest.fixture
def tab(at_desk, site):
    """Open an empty tab as on a laptop."""
    page = at_desk.new_page()
    yield page
    page.close()


def test_there_are_explorers_to_test(tab, site):
    """All tests of controls would pass on a book without any."""
    for name, least in (("book/intro.html", 1), ("book/losses.html", 3)):
        tab.goto(site + name)
        assert tab.locator(SLIDERS).count() >= least


def test_address_of_the_site_leads_to_the_first_page(tab, site):
    response = tab.request.get(site)
    page = BeautifulSoup(response.text(), "html.parser")
    assert page.html["lang"] == "en"
    assert page.title.string.strip()
    (description,) = page.select("meta[name=description]")
    assert len(description["content"]) >= 20
    tab.goto(site)
    tab.wait_for_url(f"{site}book/intro.html")


@pytest.mark.parametrize("life", ["server", "file"])
def test_search_finds_a_word(new_context, site, life):
    start = site if life == "server" else f"{SITE.as_uri()}/"
    context = new_context(viewport=DESKTOP, offline=life == "file")
    watch = open_page(context, start, "book/intro.html")
    page = watch.page
    page.locator(".search-button__button:visible").click()
    box = page.locator("input[type=search]:visible")
    expect(box).to_be_focused()
    box.fill("Huber")
    box.press("Enter")
    page.wait_for_url("**/search.html?q=Huber*")
    expect(page.locator("input[type=search]:visible")).to_have_count(1)
    found = page.locator("#search-results li a", has_text="Losses")
    found.first.click()
    page.wait_for_url("**/book/losses.html*")
    assert watch.foreign == []
    assert watch.errors == []


def test_switch_makes_pages_and_figures_dark(new_context, site):
    context = new_context(viewport=DESKTOP, color_scheme="light")
    page = open_page(context, site, "book/losses.html").page
    text = page.locator("figure.explorer svg text").first

    def colours():
        return (
            text.evaluate("e => getComputedStyle(e).fill"),
            page.evaluate("getComputedStyle(document.body).backgroundColor"),
        )

    light = colours()
    switch = page.locator(".theme-switch-button:visible")
    for _ in range(3):
        if page.locator("html").get_attribute("data-theme") == "dark":
            break
        switch.click()
    dark = colours()
    assert contrast(*light) >= 4.5
    assert contrast(*dark) >= 4.5
    black = "rgb(0, 0, 0)"
    assert contrast(dark[1], black) < 2 < 10 < contrast(light[1], black)
    # The next page remembers it, before the theme's script has come.
    page.route("**/pydata-sphinx-theme.js*", lambda route: route.abort())
    page.goto(f"{site}book/intro.html")
    assert page.locator("html").get_attribute("data-theme") == "dark"


def find_player(context, site):
    """Open the first page that has a play button; return tab and button."""
    for name in PAGES:
        page = context.new_page()
        page.goto(site + name)
        if page.locator(".explorer-play").count():
            return page, page.locator(".explorer-play").first
        page.close()
    pytest.fail("No page has a play button.")


def test_play_moves_on_until_it_is_paused(new_context, site):
    context = new_context(reduced_motion="no-preference")
    page, button = find_player(context, site)
    figure = button.locator("xpath=ancestor::figure")
    place = int(button.get_attribute("data-control"))
    slider = figure.locator(":is(input, select)").nth(place)
    picture = figure.locator(".explorer-panels")
    slider.press("Home")
    before = picture.inner_html()
    expect(button).to_have_text("Play")
    button.click()
    expect(button).to_have_text("Pause")
    expect(slider).to_have_value("3")
    assert picture.inner_html() != before
    button.click()
    expect(button).to_have_text("Play")
    stopped = int(slider.input_value())
    page.wait_for_timeout(2 * int(button.get_attribute("data-interval")))
    assert int(slider.input_value()) == stopped
    # It stops at the end, and starts anew from there.
    slider.press("End")
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    button.click()
    expect(button).to_have_text("Pause")
    expect(button).to_have_text("Play")
    assert slider.input_value() == slider.get_attribute("max")
    button.click()
    expect(slider).to_have_value("0")
    button.click()
    # One step before the end, this step is all there is to play.
    slider.press("End")
    slider.press("ArrowLeft")
    button.click()
    expect(button).to_have_text("Play")
    page.wait_for_timeout(2 * int(button.get_attribute("data-interval")))
    assert slider.input_value() == slider.get_attribute("max")


def test_play_goes_one_step_at_a_time_for_who_wants_less_motion(
    new_context, site
):
    context = new_context(reduced_motion="reduce")
    page, button = find_player(context, site)
    place = int(button.get_attribute("data-control"))
    slider = button.locator("xpath=ancestor::figure").locator(
        ":is(input, select)"
    )
    slider = slider.nth(place)
    slider.press("Home")
    expect(button).to_have_text("Step")
    for expected in ("1", "2"):
        button.click()
        page.wait_for_timeout(2 * int(button.get_attribute("data-interval")))
        assert slider.input_value() == expected
