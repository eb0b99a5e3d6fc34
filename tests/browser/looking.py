"""What a browser can find wrong with a page, said in sentences: every test that looks at a page asks here."""

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from django.conf import settings
from playwright.sync_api import Page

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PICTURES = Path(__file__).parent / "screenshots"
KEEPS_PICTURES = bool(os.environ.get("KEEP_PICTURES"))

# The page is asked once for everything that needs no axe.
OF_THE_FRAME = """() => {
  const heads = [...document.querySelectorAll("h1")].map(one => one.textContent.trim().replace(/\\s+/g, " "));
  const skip = document.querySelector(".skip-link");
  return {
    heads, title: document.title, lang: document.documentElement.lang,
    skip: skip ? skip.getAttribute("href") : "", mains: document.querySelectorAll("main").length,
    inline: document.querySelectorAll("[style], style, script:not([src]):not([type='application/json'])").length,
  };
}"""
# What sticks out past the edge of the screen, so that the sentence can name it.
TOO_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return "";
  const out = [...document.body.querySelectorAll("*")].filter(one => one.getBoundingClientRect().right > room + 1);
  const last = out.at(-1);
  return last ? last.outerHTML.slice(0, 140) : "something";
}"""
# Controls that do nothing unless a script gives them something to do.
DEAD_WITHOUT_SCRIPTS = """() => [...document.querySelectorAll(
  "button[type=button], button:not([form]), input[type=button], a[href='#'], a[href^='javascript:'], a:not([href])[role=button]"
)].filter(one => one.checkVisibility() && !(one.matches("button:not([type=button])") && one.closest("form")))
  .map(one => one.outerHTML.slice(0, 140))"""


@cache
def axe() -> str:
    return (settings.BASE_DIR / "node_modules/axe-core/axe.min.js").read_text()


def faults_of_axe(page: Page, rules: Sequence[str] = (*WCAG, "best-practice")) -> list[str]:
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(axe())
    found = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", list(rules)
    )
    return [
        f"{fault['id']}: {fault['help']}: {len(fault['nodes'])} × {fault['nodes'][0]['html'][:160]}"
        for fault in found["violations"]
    ]


def faults_of_width(page: Page) -> list[str]:
    out = page.evaluate(TOO_WIDE)
    return [f"wider than the screen: {out}"] if out else []


def faults_of_frame(page: Page) -> list[str]:
    """One heading that the title repeats, one main part, nothing written inline that the policy would forbid."""
    told = page.evaluate(OF_THE_FRAME)
    faults = []
    if len(told["heads"]) != 1 or not told["heads"][0]:
        faults.append(f"{len(told['heads'])} headings of the first level: {told['heads']}")
    if not told["lang"].startswith("en"):
        faults.append("does not say its language")
    if told["mains"] != 1:
        faults.append(f"{told['mains']} main parts")
    if told["inline"]:
        faults.append(f"{told['inline']} inline styles or scripts")
    here, _, portal = told["title"].replace(" | ", " – ").rpartition(" – ")
    if not here or not portal or here == "Welcome":
        faults.append(f"its title does not say where one is: “{told['title']}”")
    return faults


def faults_of_skipping(page: Page) -> list[str]:
    """The first Tab shows the link past the navigation; Enter takes the reader to the main part.

    A page that begins at the summary of what has to be put right is past the navigation already.
    """
    if page.locator("[data-error-summary]").count():
        return []
    page.keyboard.press("Tab")
    shown = page.evaluate(
        """() => {
          const one = document.activeElement, box = one.getBoundingClientRect();
          return one.matches("a[href^='#']") && box.left >= 0 && box.top >= 0 && box.width > 0;
        }"""
    )
    if not shown:
        return ["the skip link is not the first thing that Tab reaches"]
    page.keyboard.press("Enter")
    return [] if page.evaluate("document.activeElement.tagName === 'MAIN'") else ["the skip link leads nowhere"]


def faults_of_dead_controls(page: Page) -> list[str]:
    return [f"without scripts nothing happens at {control}" for control in page.evaluate(DEAD_WITHOUT_SCRIPTS)]


def keep_picture(page: Page, name: str) -> None:
    """For people to look at: KEEP_PICTURES=yes. In the ordinary run nobody would, so none is taken."""
    if KEEPS_PICTURES:
        PICTURES.mkdir(exist_ok=True)
        name = re.sub(r"[^\w.]+", "-", f"{name}-{page.viewport_size['width']}").strip("-")
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def assert_no_fault(page: Page) -> None:
    assert faults_of_axe(page) + faults_of_width(page) == []
