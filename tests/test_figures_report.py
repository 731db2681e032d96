"""The report is one well-formed page that asks for nothing and leaves nothing out."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from test_figures_draw import made_up, network

from figures import report
from figures.catalogue import FIGURES
from figures.report_claims import claim_tables, counts
from figures.report_derivations import derivation_sections
from figures.report_networks import network_table
from figures.report_prose import prose
from figures.report_rules import rule_table
from theory import RULES, derivations

VOID = {"meta", "img", "br", "link", "hr", "input"}


def claim(number: int, **changes) -> dict:
    controls = [{"name": "half the noise", "rejected": True}]
    words = {"law": "sign_lr", "source": "a < b & c", "experiment": "onestep_quadratic"}
    judged = {"kind": "mean", "verdict": "holds", "expected": "holds", "unit": "1"}
    numbers = {"statistic": 3.21, "threshold": 5.1, "resolution": 0.004, "n": 153, "seconds": 1.0}
    return {"id": f"claim-{number}", "controls": controls, **words, **judged, **numbers} | changes


CLAIMS = [
    claim(0),
    claim(1, verdict="fails", expected="fails"),
    claim(2, verdict="inconclusive", controls=[{"name": "<wrong> & law", "rejected": False}]),
    claim(3, verdict="not run", experiment="onestep_network", statistic=None, n=float("nan")),
    claim(4, law="unheard & of", experiment="onestep_network", verdict="fails"),
]


class Page(HTMLParser):
    """Checks that tags nest and close, and keeps what was seen."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict]] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.seen if name == tag]


@pytest.fixture(scope="module")
def text() -> str:
    datasets = {name: made_up(name) for name in ("onestep_quadratic", "onestep_network")}
    datasets["onestep_quadratic"].attrs = {"commit": "abc", "config": '{"a": "<b>"}'}
    pictures = [
        report.Picture(entry, b"\x89PNG" + 20 * b"\x01", entry.reading(made_up(entry.experiment)))
        for entry in FIGURES.values()
    ]
    return report.page(CLAIMS, pictures, datasets, ["figure x: no data <yet>"])


def test_the_page_is_well_formed_and_accessible(text):
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("img")) == len(FIGURES)
    assert all(image["alt"] for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(head.get("scope") for head in page.all("th"))
    assert [tag for tag, _ in page.seen].count("h1") == 1
    names = [attributes["id"] for _, attributes in page.seen if "id" in attributes]
    assert len(names) == len(set(names))
    for link in page.all("a"):
        assert link["href"].removeprefix("#") in names


def test_the_page_asks_for_nothing_outside_itself(text):
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "form"} & {tag for tag, _ in page.seen}
    for _, attributes in page.seen:
        for name, value in attributes.items():
            if name in ("src", "href", "srcset", "action", "data"):
                assert value.startswith(("#", "data:")), value
            assert not name.startswith("on")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_every_formula_is_well_formed_xml(text):
    formulas = re.findall(r"<math.*?</math>", text, flags=re.DOTALL)
    assert len(formulas) >= sum(len(one.steps) for one in derivations())
    for formula in formulas:
        ElementTree.fromstring(formula)


def test_every_claim_appears_with_its_verdict(text):
    for one in CLAIMS:
        assert f"<code>{one['id']}</code>" in text
    rows = re.findall(r"<tr.*?</tr>", claim_tables(CLAIMS), flags=re.DOTALL)
    against = [row for row in rows if "≠ against" in row]
    assert len(against) == 2
    assert all('class="against"' in row for row in against)
    assert "✗ fails" in text
    assert "not rejected" in text


def test_text_from_data_is_escaped(text):
    assert "a &lt; b &amp; c" in text
    assert "&lt;wrong&gt; &amp; law" in text
    assert "unheard &amp; of" in text
    assert "{&quot;a&quot;: &quot;&lt;b&gt;&quot;}" in text
    assert "no data &lt;yet&gt;" in text


def test_figures_say_what_is_seen_and_what_is_not_claimed(text):
    assert text.count("Not claimed:") == len(FIGURES)


def test_every_derivation_stands_there_whole():
    sections = derivation_sections()
    Page(sections)
    for one in derivations():
        name = one.name.replace("_", "-")
        assert f'<section id="derivation-{name}"' in sections
        assert f'<a href="#derivation-{name}">' in sections
    assert sections.count("<math") == sum(len(one.steps) for one in derivations())
    assert sections.count("(claimed ") == sum(len(one.counterexamples) for one in derivations())


def test_the_first_derivation_is_open_and_the_others_are_folded():
    sections = derivation_sections()
    assert sections.count("<details>") == len(derivations()) - 1
    assert sections.count("<details open>") == 1
    assert sections.index("<details open>") < sections.index("<details>")


def test_the_sides_of_a_wide_equation_stand_below_each_other():
    sections = derivation_sections()
    tables = re.findall(r'<mtable displaystyle="true".*?</mtable>', sections)
    assert 0 < len(tables) < sections.count("<math") / 2
    assert all(table.count("<mo>=</mo>") or table.count("<mo>&lt;</mo>") for table in tables)


def test_every_rule_is_in_the_table_or_below_it():
    table = rule_table()
    Page(table)
    for rule in RULES.values():
        assert prose(rule.title) in table
    assert table.count('<th scope="row">') == 2 * sum(r.card is not None for r in RULES.values())
    for formula in re.findall(r"<math.*?</math>", table):
        ElementTree.fromstring(formula)


def test_without_any_result_the_page_says_what_to_do():
    text = report.page([], [], {}, ["figure surge: no finished data"])
    Page(text)
    assert "Nothing has been measured yet" in text
    assert "No claim has been judged yet" in text


def test_the_count_of_claims_tells_tried_from_expected():
    assert counts(CLAIMS) == (
        "Of 5 claims 4 were tried and 2 came out as expected, 1 of them as false."
    )


def test_a_network_without_measurements_is_not_in_the_table():
    dataset = network().copy(deep=True)
    dataset["lr_star_mean"][0] = float("nan")
    table = network_table(dataset)
    assert "fashion CNN" in table
    assert "digits MLP" not in table
    assert "Not measured yet" in network_table(None)


def test_an_estimate_with_a_heavy_tail_is_marked_in_the_table():
    dataset = network(("digits_mlp",))
    heavy = np.zeros(dataset["lr_star_mean"].shape, bool)
    heavy[0, 1, 2] = True
    dataset["lr_star_heavy"] = (dataset["lr_star_mean"].dims, heavy)
    assert network_table(dataset).count(" †</td>") == 1
