"""A person without a mouse: Tab, Shift and Tab, Enter, Space and the arrows, and nothing else.

At every stop it is checked that the focus can be seen, that it is on the screen, and that it moved in reading order.
"""

from typing import Any

from playwright.sync_api import Page

# What a thing looks like without the focus is kept when the page has loaded, to be compared with how it looks with it.
# The boxes and circles of forms are drawn by the label beside the input; links of the map by the square inside them.
REMEMBER = """() => {
  window.lastStop = document.activeElement === document.body ? undefined : document.activeElement;
  if (window.unfocused) return;
  const drawn = style => [style.outlineStyle + style.outlineWidth + style.outlineColor, style.boxShadow,
    style.backgroundColor, style.borderTopColor + style.borderTopWidth, style.stroke + style.strokeWidth].join("|");
  window.looks = one => [getComputedStyle(one), getComputedStyle(one, "::before"),
    ...[...(one.labels ?? [])].slice(0, 1).flatMap(label => [getComputedStyle(label), getComputedStyle(label, "::before")]),
    ...[...one.querySelectorAll("rect")].slice(0, 1).map(rect => getComputedStyle(rect))].map(drawn).join("#");
  window.unfocused = new Map();
  const reachable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  for (const one of document.querySelectorAll(reachable))
    if (one !== document.activeElement) window.unfocused.set(one, window.looks(one));
}"""
STOP = """() => {
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return null;
  const seen = (one.labels?.[0] && getComputedStyle(one).opacity === "0") ? one.labels[0] : one;
  const box = seen.getBoundingClientRect();
  const before = window.unfocused.get(one);
  const last = window.lastStop;
  const told = {
    name: one.outerHTML.slice(0, 120),
    isVisible: box.width > 0 && box.height > 0,
    isOnScreen: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    showsFocus: before === undefined || window.looks(one) !== before,
    order: last && last.isConnected ? (last.compareDocumentPosition(one) & 4 ? 1 : last === one ? 0 : -1) : 1,
    jumpsQueue: one.tabIndex > 0,
  };
  window.lastStop = one;
  return told;
}"""


class Keys:
    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.page.keyboard.press(key)

    def stop(self, *, order: int) -> dict[str, Any] | None:
        """Where the focus is after a step; None once it has left the page for the browser's own controls."""
        here = self.page.evaluate(STOP)
        if here is None:
            return None
        assert here["isVisible"], f"the focus went to something that cannot be seen: {here['name']}"
        assert here["isOnScreen"], f"the focus went off the screen: {here['name']}"
        assert here["showsFocus"], f"nothing shows that the focus is here: {here['name']}"
        assert not here["jumpsQueue"], f"jumps the queue: {here['name']}"
        assert here["order"] == order, f"not in reading order: {here['name']}"
        return here

    def tab_to(self, wanted: str, *, back: bool = False, at_most: int = 120) -> None:
        """Tab until the focus is on what fits the selector."""
        self.page.evaluate(REMEMBER)
        passed = []
        for _ in range(at_most):
            self.press("Shift+Tab" if back else "Tab")
            here = self.stop(order=-1 if back else 1)
            assert here, f"“{wanted}” was not reached on {self.page.url}; the focus passed {passed[-6:]}"
            passed.append(here["name"])
            if self.page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
                return
        raise AssertionError(f"“{wanted}” was not reached in {at_most} steps on {self.page.url}")

    def tab_to_named(self, words: str, *, kind: str = "a, button", back: bool = False) -> None:
        """Tab until the focus is on the link or button that says this."""
        self.page.evaluate(
            """([kind, words]) => {
              for (const one of document.querySelectorAll("[data-wanted]")) delete one.dataset.wanted;
              const said = one => one.textContent.trim().replace(/\\s+/g, " ");
              const found = [...document.querySelectorAll(kind)].filter(one => said(one) === words && one.checkVisibility());
              if (found.length) found[0].dataset.wanted = "yes";
            }""",
            [kind, words],
        )
        assert self.page.locator("[data-wanted]").count() == 1, f"“{words}” is not on {self.page.url}"
        self.tab_to("[data-wanted]", back=back)

    def go(self, key: str = "Enter") -> None:
        """A key that leads to another page."""
        with self.page.expect_navigation():
            self.press(key)

    def follow(self, words: str, *, back: bool = False) -> None:
        self.tab_to_named(words, back=back)
        self.go()

    def type(self, field: str, words: str) -> None:
        self.tab_to(field)
        self.page.keyboard.type(words)

    def choose(self, group: str, value: str, *, at_most: int = 12) -> None:
        """One of several circles: Tab to the group, then arrows until the wanted one is on."""
        self.tab_to(group)
        for _ in range(at_most):
            if self.page.evaluate("document.activeElement.checked && document.activeElement.value") == value:
                return
            at = self.page.evaluate("[document.activeElement.checked, document.activeElement.value]")
            self.press("Space" if at == [False, value] else "ArrowDown")
        raise AssertionError(f"{group} never came to {value}")

    def all_the_way_round(self) -> int:
        """From the top of the page to its end: nothing holds the focus, nothing drops it, and it can go back again."""
        self.page.evaluate(REMEMBER)
        steps = 0
        while True:
            self.press("Tab")
            if self.stop(order=1) is None:
                break
            steps += 1
            assert steps < 400, f"the focus is trapped on {self.page.url}"
        self.press("Shift+Tab")
        assert self.stop(order=0), "the focus could not come back"
        return steps
