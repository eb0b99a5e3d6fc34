import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from stepped_wedge import designs, pictures
from stepped_wedge.allocations import Space
from stepped_wedge.analysis.returns import returns_of
from stepped_wedge.balance import candidates
from stepped_wedge.correlations import Components, from_ratios
from stepped_wedge.curves import power_curve, sensitivity
from stepped_wedge.exposure import single_effect_weights
from stepped_wedge.outcomes import Effect, Outcome
from stepped_wedge.pictures.drawing import shade, ticks
from stepped_wedge.power import Plan, cell_model
from stepped_wedge.precision import information_content

FIVE = designs.Design(
    designs.stepped_wedge([1] * 5).x, clusters=("Sefton", "Coventry", "Leeds & <York>", "Walsall", "Solihull")
)
PLAN = Plan(FIVE, Outcome(), from_ratios(icc=0.01, cac=0.8, total=0.0564), Effect(0.02), 1700.0)
REPORT = candidates(Space(tuple("abcde"), (1,) * 5)).report


def every_picture():
    mean = np.random.default_rng(1).normal(0.06, 0.01, (5, 6))
    late = FIVE.x.copy()
    late[1, 2] = 0
    return {
        "diagram": pictures.diagram(FIVE),
        "actual": pictures.diagram(FIVE, designs.Design(late, clusters=FIVE.clusters)),
        "transition": pictures.diagram(designs.with_partial_exposure(designs.with_transition(FIVE, 1), [0.5, 0.5])),
        "curves": pictures.power_curves(
            [100.0, 500.0, 900.0], {"one": power_curve(PLAN, "size", [100, 500, 900])}, "size"
        ),
        "surface": pictures.power_surface(sensitivity(PLAN, [0.001, 0.01], [1.0, 0.8])),
        "weights": pictures.exposure_weights(single_effect_weights(PLAN)),
        "information": pictures.cell_information(FIVE, information_content(FIVE, cell_model(PLAN))),
        "balance": pictures.balance(np.random.default_rng(1).random(120), 0.5),
        "pairs": pictures.pair_probabilities(REPORT),
        "positions": pictures.positions(REPORT),
        "outcomes": pictures.outcomes(returns_of(FIVE, mean, 1700.0)),
    }


PICTURES = every_picture()


@pytest.mark.parametrize("name", list(PICTURES))
def test_every_picture_is_an_image_with_a_name_a_description_and_a_table(name):
    picture = PICTURES[name]
    root = ElementTree.fromstring(picture.svg)
    names = root.attrib["aria-labelledby"].split()
    ids = {element.attrib["id"]: element for element in root.iter() if "id" in element.attrib}
    assert root.attrib["role"] == "img"
    assert [ids[n].text for n in names] == [picture.title, picture.text]
    assert picture.rows
    assert all(len(row) == len(picture.header) for row in picture.rows)
    table = ElementTree.fromstring(picture.table())
    assert len(list(table.iter("tr"))) == len(picture.rows) + 1


@pytest.mark.parametrize("name", list(PICTURES))
def test_no_picture_needs_a_style_attribute_or_a_script(name):
    assert " style=" not in PICTURES[name].svg
    assert "<script" not in PICTURES[name].figure()
    assert "http" not in PICTURES[name].svg.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("name", list(PICTURES))
def test_every_mark_lies_inside_the_picture(name):
    root = ElementTree.fromstring(PICTURES[name].svg)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for mark in root.iter():
        for key, most in (
            ("x", width),
            ("cx", width),
            ("x1", width),
            ("x2", width),
            ("y", height),
            ("cy", height),
            ("y1", height),
        ):
            if key in mark.attrib:
                assert -1 <= float(mark.attrib[key]) <= most + 1, mark.attrib


def test_the_diagram_says_who_switches_when_and_marks_what_went_otherwise():
    picture = PICTURES["actual"]
    assert "Order of switching: Sefton, Coventry, Leeds & <York>, Walsall, Solihull" in picture.text
    assert "Cells that did not go as planned: 1." in picture.text
    assert picture.svg.count("sw-differs") == 1
    assert picture.rows[1][3] == "control (planned intervention)"


def test_letters_say_what_colours_say():
    letters = re.findall(r">([CIT–])</text>", PICTURES["transition"].svg)
    assert {"C", "I", "T"} <= set(letters)


def test_weights_say_what_a_growing_effect_becomes():
    assert "An effect that grows evenly to 1 is reported as 0.1" in PICTURES["weights"].text
    assert "count against the intervention" in PICTURES["weights"].text


def test_pictures_on_one_page_do_not_share_ids():
    ids = re.findall(r' id="([^"]+)"', "".join(picture.svg for picture in PICTURES.values()))
    assert len(ids) == len(set(ids))


def contrast(one, other):
    def light(color):
        parts = [int(color[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        parts = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_numbers_in_shaded_cells_can_be_read():
    assert min(contrast(*shade(k / 100)) for k in range(101)) >= 4.5


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.05, 0.09), (-3, 1700), (5, 5)])
def test_ticks_are_few_and_cover_the_range(low, high):
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert len(found) <= 8


def test_a_picture_of_a_design_with_no_effect_of_size_is_still_drawn():
    flat = Plan(FIVE, Outcome(), Components(0.0), Effect(0.0), 10.0)
    assert "Power" in pictures.power_curves([1.0, 2.0], {"flat": power_curve(flat, "size", [1, 2])}, "size").svg
