"""Page values to HTML by the templates of this room: `render_page`; whole files that ask for nothing: `render_file`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from overton.base import count_of, legible
from overton.review import agrees
from overton.store import gate_text
from overton.web import svg, text
from overton.web.budget import LARGEST, within_budget
from overton.web.pages import ComparisonPage, Example, ReportPage

TEMPLATES = {ReportPage: "report.html.j2", ComparisonPage: "comparison.html.j2"}
STYLE, SCRIPT = "overton.css", "overton.js"


@cache
def environment() -> Environment:
    """The templates, with the words that they know beside those of Jinja.

    What they write is escaped always, and what nobody could see is shown by its number; a name that is not there is an
    error.
    """
    found = Environment(
        loader=PackageLoader("overton.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: legible(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    found.filters |= {
        "count": text.count,
        "cut": text.cut,
        "day": text.day,
        "figure": text.figure,
        "gate": gate_text,
        "middle": text.middle,
        "moment": text.moment,
        "p": text.p_value,
        "percent": text.percent,
        "plural": count_of,
        "seconds": text.seconds,
        "signed": text.signed,
        "size": text.size,
        "tag": text.tag_name,
    }
    found.globals |= {
        "agrees": agrees,
        "bar": svg.bar,
        "calibration_curve": svg.calibration_curve,
        "trials_chart": svg.trials_chart,
        "change": svg.change,
        "confusion_map": svg.confusion_map,
        "history_chart": svg.history_chart,
        "interval": svg.interval,
        "sparkline": svg.sparkline,
    }
    return found


def render_page(template: str, page: Any, **more: Any) -> str:
    """A page by a template of this room.

    Args:
        template: Its name, such as `report.html.j2`.
        page: The value of the page, `page` in the template.
        more: What else the template is told.
    """
    return environment().get_template(template).render(page=page, **{"assets": linked_assets(), **more})


def render_file(page: ReportPage | ComparisonPage) -> str:
    """A page as one file that asks for nothing: style and script within, and nothing else allowed to load or run.

    Where it would be too large it has fewer examples, and says so.
    """
    made = _render_whole(page)
    excess = len(made.encode()) - LARGEST
    return made if excess < 0 else _render_whole(within_budget(page, excess, _size_of))


def _render_whole(page: ReportPage | ComparisonPage) -> str:
    return render_page(TEMPLATES[type(page)], page, assets=inline_assets())


def _size_of(example: Example) -> int:
    """What an example takes of a page, in bytes."""
    macros: Any = environment().get_template("_example.html.j2").module
    return len(str(macros.example(example)).encode())


@cache
def inline_assets() -> Mapping[str, Any]:
    """Style and script as they stand within a file, and the policy that allows them alone."""
    style, script = _shorter(asset(STYLE)), _shorter(asset(SCRIPT))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return {"inline": True, "style": Markup(style), "script": Markup(script), "policy": policy}


def linked_assets(*, nonce: str = "") -> Mapping[str, Any]:
    """Where a server has style and script, and the word by which its policy lets them in."""
    return {"inline": False, "style": f"/static/{STYLE}", "script": f"/static/{SCRIPT}", "policy": "", "nonce": nonce}


def _shorter(text: str) -> str:
    """A style sheet or a script without what is for its reader alone: whole lines of comment, and indents."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(("//", "/*")))


def asset(name: str) -> str:
    """The content of a file of `static/`."""
    return (files("overton.web") / "static" / name).read_text(encoding="utf-8")
