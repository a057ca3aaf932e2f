"""Looks at a report in headless Chromium: pictures at two widths in light and dark, keyboard, filters, no console errors.

Not part of the test suite, since it needs a browser:

    apt-get install chromium && pip install playwright
    python tests/browser/report.py RUN/report.html PICTURES [axe.min.js]

RUN is the directory of a run of `select` on examples/math-agent; axe.min.js is that of the npm package axe-core, whose rules for
accessible pages are then checked too. Exits with 1 when anything is not as it should be.
"""

import pathlib
import re
import sys

from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
WIDTHS = {"wide": 1280, "phone": 390}


def look(page, pictures, name):
    """Takes pictures, and checks what the eye would miss."""
    page.screenshot(path=pictures / f"{name}.png", full_page=True)
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"{name}: the page is {width} px wider than the screen"


def use(page):
    """What a person does: opens a cell by keyboard, searches, filters."""
    cells = page.locator("#cells button.cell")
    cells.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    opened = page.locator("#list details[open]")
    assert opened.count() == 1, f"{opened.count()} conversations are open"
    candidate, task = re.match(r"(.*) on ([^,:]*)", label).groups()
    summary = opened.locator("summary").first.inner_text()
    assert candidate in summary and task in summary, (label, summary)
    assert opened.locator(".message").count() >= 2
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"

    shown = page.locator("#count")
    total = int(shown.inner_text().split()[2])
    page.fill("#words", "no such words anywhere")
    assert shown.inner_text().startswith("0 of"), shown.inner_text()
    page.fill("#words", "")
    page.select_option("#candidate", "small")
    few = int(shown.inner_text().split()[0])
    page.fill("#most", "0")
    fewer = int(shown.inner_text().split()[0])
    assert total > few > fewer > 0, (total, few, fewer)
    page.click("button[type=reset]")
    expect(shown).to_contain_text(f"{total} of")


def structure(page):
    """Landmarks, names and headings, as a screen reader meets them."""
    for role in ["banner", "main", "navigation", "contentinfo", "search"]:
        assert page.get_by_role(role).count() >= 1, f"no {role}"
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((one) => Number(one.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1, levels
    unnamed = page.evaluate(
        """[...document.querySelectorAll('button, input, select, svg[role=img], [role=region]')]
           .filter((one) => !one.labels?.length && !one.textContent.trim()
                            && !one.getAttribute('aria-label') && !one.getAttribute('aria-labelledby'))
           .map((one) => one.outerHTML)"""
    )
    assert not unnamed, unnamed


def accessible(browser, report, axe):
    """Deque's rules, on a page with an open conversation, in light and dark."""
    for scheme in ["light", "dark"]:
        # The page's own policy forbids foreign scripts, as it should.
        page = browser.new_context(bypass_csp=True, color_scheme=scheme).new_page()
        page.goto(report.resolve().as_uri())
        page.locator("#cells button.cell").first.click()
        page.add_script_tag(path=axe)
        found = page.evaluate("axe.run().then((result) => result.violations)")
        told = [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found]
        assert not told, told


def main(report, pictures, axe=None):
    pictures.mkdir(parents=True, exist_ok=True)
    faults, requests = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ["light", "dark"]:
            for name, width in WIDTHS.items():
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                page.on("console", lambda told: faults.append(told.text) if told.type != "info" else None)
                page.on("pageerror", lambda error: faults.append(str(error)))
                page.on("request", lambda request: requests.append(request.url))
                page.goto(report.resolve().as_uri())
                look(page, pictures, f"{name}-{scheme}")
                structure(page)
                use(page)
                page.locator("#cells button.cell").first.click()
                page.screenshot(path=pictures / f"{name}-{scheme}-conversation.png")
                page.close()
        if axe:
            accessible(browser, report, axe)
        browser.close()
    away = [url for url in requests if not url.startswith(("file:", "data:"))]
    assert not faults, faults
    assert not away, away
    print(f"{report} is as it should be; pictures in {pictures}")


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:]))
