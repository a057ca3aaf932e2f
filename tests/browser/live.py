"""Looks at `report --live` in headless Chromium while a run goes on.

Not part of the test suite, since it needs a browser:

    apt-get install chromium && pip install playwright
    cd examples/math-agent && python ../../tests/browser/live.py PROGRAM

PROGRAM is the built math-agent. A run is stopped by its budget, shown, and resumed: what was open must stay open, and what is new
must appear. Exits with 1 when anything is not as it should be.
"""

import os
import subprocess
import sys
import tempfile

from playwright.sync_api import expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"


def main(program):
    with tempfile.TemporaryDirectory() as runs:
        environment = {**os.environ, "TUNER_RUN__DIRECTORY": runs}
        start = lambda *verb, **more: subprocess.Popen([program, *verb], env=environment, text=True, **more)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        assert start("select", "--set", "budget.calls=100", **quiet).wait() == 1
        server = start("report", "--live", stdout=subprocess.PIPE)
        try:
            url = server.stdout.readline().split("shown at ")[1].split()[0]
            follow(url, lambda: start("resume", "--set", "budget.calls=2000", **quiet).wait())
        finally:
            server.kill()
    print("the view follows its run")


def follow(url, resume):
    faults = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda told: faults.append(told.text) if told.type != "info" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url)
        cells = page.locator("#cells .cell")
        before = cells.count()
        page.locator("#list details").nth(3).locator("summary").click()
        opened = page.locator("#list details[open] summary").inner_text()
        page.select_option("#status", "scored")
        expect(page.locator("#live-state")).to_contain_text("as of")
        assert resume() == 0
        expect(page.locator("#headline")).to_contain_text("large is best", timeout=20_000)
        assert cells.count() > before, (before, cells.count())
        assert page.locator("#list details[open] summary").inner_text() == opened
        assert page.locator("#status").input_value() == "scored"
        assert page.locator("figure").count() == 3
        browser.close()
    assert not faults, faults


if __name__ == "__main__":
    main(sys.argv[1])
