"""Whether a page can be read: contrast as WCAG 2 defines it, and nothing beyond the edge of the screen."""

from browser import Browser

BEYOND = """
return [...document.querySelectorAll("body *")].filter((one) => !one.closest(".unseen, .skip, thead"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 80))
"""
"""Finds what stands out of the screen on the right."""


def luminance(browser: Browser, selector: str, colour: str) -> float:
    """Return the relative luminance of a colour of an element's style."""
    text = browser.run("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", selector, colour)
    parts = [int(part) / 255 for part in text[text.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: float, b: float) -> float:
    """Return the ratio of two luminances, 1 to 21."""
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)
