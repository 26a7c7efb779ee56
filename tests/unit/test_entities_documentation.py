"""Documentation as the encoder learns from it: prose without its mark-up, and what that said is code."""

import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[2] / "training"))

from documentation import CLASS, CODE, FILE, FUNCTION, MARKS, VARIABLE, javadoc, prose, unmarked


@pytest.mark.parametrize(
    ("paragraph", "text", "marked"),
    [
        ("Set ``x = 1`` first.", "Set x = 1 first.", [("x = 1", CODE)]),
        ("Use `axis` or <code>b</code>.", "Use axis or b.", [("axis", CODE), ("b", CODE)]),
        ("See :class:`~a.b.Frame` and :attr:`.size`.", "See Frame and size.", [("Frame", CLASS), ("size", VARIABLE)]),
        ("Call :py:meth:`_orm.read()`.", "Call read().", [("read()", FUNCTION)]),
        ("Call :func:`open` or :func:`sort`.", "Call open or sort.", [("open", FUNCTION), ("sort", FUNCTION)]),
        ("Call :func:`exit_`.", "Call exit_().", [("exit_()", FUNCTION)]),
        ("In :file:`a.txt` see :ref:`the guide <guide>`.", "In a.txt see the guide.", [("a.txt", FILE)]),
        ("A `link <there>`_, [one](there), **two** and *three*.", "A link, one, two and three.", []),
        ("2 * 3 * 4", "2 * 3 * 4", []),
    ],
)
def test_mark_up_is_taken_out_and_kept_as_spans(paragraph, text, marked):
    found = unmarked(paragraph)
    assert found.text == text
    assert [(found.text[start:end], kind) for start, end, kind in found.spans] == marked


@given(st.text("ab_.~<>`*:()[] \n") | st.text())
def test_spans_of_any_paragraph_are_in_order_and_in_its_text(paragraph):
    found = unmarked(paragraph)
    assert all(kind in MARKS.kinds for _, _, kind in found.spans)
    bounds = [place for start, end, _ in found.spans for place in (start, end)]
    assert bounds == sorted(bounds)
    assert all(0 <= start < end <= len(found.text) for start, end, _ in found.spans)


def test_javadoc_is_read_up_to_its_tags():
    comment = "\n * Adds {@code null} to a {@link List}.\n * <p>See {@link Map#get(Object)}.\n * @return a list\n "
    assert javadoc(comment).split() == ["Adds", "``null``", "to", "a", ":class:`List`.", "See", ":meth:`Map.get()`."]


def test_packages_give_each_paragraph_of_prose_once(tmp_path):
    said = "Return the ``size`` of the frame, which is as long as it is wide."
    source = f'"""{said}"""\n\ndef size():\n    """{said}\n\n    >>> size()\n    1\n\n    Not a sentence."""\n'
    with ZipFile(tmp_path / "one.whl", "w") as archive:
        archive.writestr("one/code.py", source)
        archive.writestr("one/tests/code.py", source.replace("wide", "high"))
        archive.writestr("one/broken.py", "def (")
        archive.writestr("one/page.md", "Page\n====\n\n- Set `this` to the name of the file that is to be read.\n")
        archive.writestr("one/data.bin", b"\xff")
    found = prose([tmp_path / "one.whl", tmp_path / "one.whl"])
    assert [one.text for one in found] == [
        "Return the size of the frame, which is as long as it is wide.",
        "Set this to the name of the file that is to be read.",
    ]
    assert [one.spans for one in found] == [[(11, 15, CODE)], [(4, 8, CODE)]]
