"""Networks of other classes than the ten digits: their names, their prototypes, and as many rows as can be read."""

import browser
import numpy as np
import pytest

Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys

NOUN = {"letters": "letter", "ascii": "character", "clothes": "picture"}
LINE = [[(0.5, 0.2), (0.5, 0.8)]]


def rows(page):
    """{class: its distance as the page says it} of the output, from above."""
    return dict(zip(page.script("return [...document.querySelectorAll('.class b')].map(b => b.textContent)"),
                    page.distances()))  # fmt: skip


def distances(page, net):
    """What minicnn computes for the image that the page shows, by class; once a page, for a browser warns of more."""
    ink = 255 - page.pixels("#stage-input canvas")[2:30, 2:30, 0]
    return dict(zip(net.classes, net.outputs(ink[None], batch_size=1)[:, 0]))


def test_texts_say_what_it_reads(other):
    name, net, page = other
    noun = NOUN[name]
    assert page.chromium.title == f"LeNet-5 reads a {noun}" and page.find("h1").text == f"LeNet-5 reads a {noun}"
    page.click("#clear")
    page.frame()
    assert page.text("answer-label") == f"Draw a {noun}"
    page.click("[data-term=output]")
    assert ("code of class" if name == "clothes" else "drawing of class") in page.text("term")
    assert f"{84 * len(net.classes):,} connections" in page.text("term")
    page.keys(Keys.ESCAPE)
    shown = [page.find(f"#{each}").is_displayed() for each in ("samples", "random", "open-gallery", "what")]
    assert shown == [name != "ascii"] * 4
    text = page.script("return document.body.textContent + document.head.innerHTML")
    assert "digit" not in text.replace("MNIST's digits were", "")


def test_the_nearest_classes_have_a_row_with_name_distance_and_prototype(other):
    _, net, page = other
    page.click("#clear")
    page.draw(LINE)
    expected, found = distances(page, net), rows(page)
    names, shown = list(found), list(found.values())
    if len(net.classes) > 10:
        assert len(names) == 10 and shown == sorted(shown)
        assert f"nearest of {len(net.classes)}" in page.text("stage-output")
        assert min(expected[each] for each in set(net.classes) - set(names)) > 0.99 * shown[-1]
    else:
        assert names == list(net.classes)
    for row, (each, distance) in enumerate(found.items()):
        assert np.isclose(distance, expected[each], rtol=0.01)  # the input's colours are 255
        ink = page.pixels(f"#row-{row} canvas")[..., 0].ravel() < 128
        assert np.array_equal(ink, net["output"].prototypes[net.classes.index(each)] > 0)
    nearest = names[np.argmin(shown)]
    assert page.answer() == nearest and f"“{nearest}”" in page.text("answer-label")
    assert page.find(".nearest b").get_attribute("textContent") == nearest


@pytest.mark.slow
def test_target_and_held_unit_have_a_row_however_far_they_are(other):
    name, net, page = other
    page.click("#clear")
    page.draw(LINE)
    order = sorted(expected := distances(page, net), key=expected.get)
    target, held = order[-1], order[-2]
    page.open(at=f"#{NOUN[name]}=ink.gAAzgAMz&target={net.classes.index(target)}&unit=output.{net.classes.index(held)}.0.0")
    named = list(rows(page))
    assert target in named and held in named and len(named) == min(10, len(net.classes))
    assert page.find(".target b").get_attribute("textContent") == target
    assert page.text("unit-title") == f"output unit {held}" and f"of “{held}”" in page.text("arithmetic")


@pytest.mark.slow
@pytest.mark.parametrize("other", ["letters", "clothes"], indirect=True)
def test_images_of_its_data_are_taken_by_list_button_and_key(other):
    name, net, page = other
    label = net.classes[3]
    page.script("""
        const list = document.querySelector("#samples select");
        list.value = "3";
        list.dispatchEvent(new Event("change"));
    """)
    page.wait(lambda: f"Its label: “{label}”" in page.text("answer-detail"))
    page.frame()
    expected = distances(page, net)
    assert all(np.isclose(distance, expected[each], rtol=0.01) for each, distance in rows(page).items())
    page.click("#samples button")
    page.wait(lambda: f"Its label: “{label}”" in page.text("answer-detail"))
    if name == "letters":
        page.script("document.getElementById('pad').focus()")
        page.keys("q")
        page.wait(lambda: "Its label: “Q”" in page.text("answer-detail"))
        assert page.script("return document.querySelector('#samples select').value") == "16"
        page.wait(lambda: "letter=sample.16" in page.script("return location.hash"))
    page.click("#open-gallery")
    page.wait(lambda: page.find("#gallery").is_displayed())
    first = page.all("#misread button")[0]
    label, _, answer = first.text.partition(" → ")
    page.script("arguments[0].click()", first)
    page.wait(lambda: f"Its label: “{label}”" in page.text("answer-detail"))
    assert page.answer() == answer


@pytest.mark.slow
def test_it_is_taught_the_class_of_the_list(other):
    name, net, page = other
    page.click("#clear")
    page.draw(LINE)
    page.script("""
        const list = document.getElementById("target");
        if (list) { list.value = "4"; list.dispatchEvent(new Event("change")); }
    """)
    assert len(page.all("#target option")) == len(net.classes)
    page.frame()
    before = rows(page)
    page.click("#step")
    page.frame()
    assert rows(page)[net.classes[4]] < before[net.classes[4]]
    page.click("#change-mode")
    page.frame()
    assert len(page.all(".class u:not([hidden])")) == min(10, len(net.classes))
    if name != "ascii":
        page.click("#random")
        page.wait(lambda: f"unseen {NOUN[name]}s" in page.text("steps"), seconds=60)
        page.click("#play")


@pytest.mark.slow
@pytest.mark.parametrize("size", ["laptop", "projector", "phone", "narrow"])
def test_it_fits_on_the_screen(other, size):
    name, _, page = other
    width, height = browser.SIZES[size]
    for at in ("", f"#{NOUN[name]}=ink.gAAzgAMz&target=3&view=backward"):
        page.open(size, at=at)
        page.frame()
        assert page.script("return document.documentElement.scrollWidth") <= width
        if width > height:
            assert page.script("return document.documentElement.scrollHeight") <= height
            for selector in ("#pad", "#answer", "#step", "#steps", "#stage-output", "#comparison"):
                box = page.find(selector).rect
                assert box["y"] >= 0 and box["y"] + box["height"] <= height + 1, selector
        for selector in (".class", ".class .number", "#answer-class", "#target"):
            for each in page.all(selector):
                assert each.rect["x"] >= 0 and each.rect["x"] + each.rect["width"] <= width, selector
        tracks = [each.size["width"] for each in page.all(".track") if each.is_displayed()]
        assert min(tracks) > 20  # a bar can be told from another


@pytest.mark.slow
@pytest.mark.parametrize("size", ["projector", "phone"])
def test_axe_finds_nothing_serious(other, size):
    name, _, page = other
    for at in ("", f"#{NOUN[name]}=ink.gAAzgAMz&target=3&view=backward&unit=output.3.0.0"):
        page.open(size, at=at)
        assert page.violations() == []


@pytest.mark.slow
def test_the_tour_of_it_can_be_walked(other):
    name, _, page = other
    page.click("#tour")
    page.wait(lambda: page.find("#tour-card").is_displayed())
    assert page.text("tour-title") == f"Draw a {NOUN[name]}"
    while page.text("tour-next") != "Done":
        title = page.text("tour-title")
        page.click("#tour-next")
        page.wait(lambda title=title: page.text("tour-title") != title)
    page.click("#tour-next")
