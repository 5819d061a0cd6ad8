"""Takes the pictures of the page that the README shows, from a running server.

    zhiyin serve &
    python docs/screenshots.py --url http://127.0.0.1:8000 --user 1000004

Needs the `test` dependency group, Debian's chromium, and for the Chinese picture a Chinese font (fonts-noto-cjk).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
LARGEST = 400_000  # bytes of a picture in the repository


@dataclass(frozen=True)
class Picture:
    """One picture: its file name, the window, and how the page is asked for. liked: like something first."""

    name: str
    width: int
    height: int
    language: str = "en"
    scheme: str = "light"
    scale: float = 1.0
    liked: bool = False


PICTURES = (
    Picture("page-desktop.png", 1360, 920, liked=True),
    Picture("page-phone.png", 375, 812, scale=2.0),
    Picture("page-zh.png", 1360, 920, language="zh", scheme="dark"),
)


def take(browser: Browser, picture: Picture, url: str, user: str, folder: Path) -> Path:
    """Take one picture. Raises RuntimeError when it is too large for the repository."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,
        device_scale_factor=picture.scale,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(f"{url}/?lang={picture.language}&user={user}")
    settle(page)
    if picture.liked:
        page.locator("[data-shelf=for_you] [data-act=like]").nth(2).click()
        page.wait_for_selector("#status p")
        settle(page)
    path = folder / picture.name
    page.screenshot(path=path)
    context.close()
    if path.stat().st_size > LARGEST:
        raise RuntimeError(f"{path}: {path.stat().st_size} bytes, at most {LARGEST}: make the window smaller")
    return path


def settle(page: Page) -> None:
    """Wait until the lists, the profile and the typefaces are there."""
    page.wait_for_selector("[data-shelf=for_you][aria-busy=false] [data-item]")
    page.wait_for_selector("#profile #topic-field")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(300)


def main() -> None:
    """Take all pictures."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", default="http://127.0.0.1:8000")
    options.add_argument("--user", required=True, help="whose page is shown")
    options.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    asked = options.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for picture in PICTURES:
            path = take(browser, picture, asked.url, asked.user, asked.out)
            print(f"{path} ({path.stat().st_size // 1000} kB)")
        browser.close()


if __name__ == "__main__":
    main()
