from textwrap import dedent

from overton.evaluate import Report, Row, render_report

ROWS = (
    Row("Intent", "test", "*", "accuracy", 0.8412, 0.8302, 0.8516, 4500),
    Row("Intent", "test", "*", "macro_f1", 0.6123, 0.5911, 0.6330, 4500),
    Row("Intent", "test", "*", "ece", 0.0312, 0.0221, 0.0419, 4500),
    Row("Intent", "test", "*", "log_loss", 0.5812, 0.5511, 0.6130, 4500),
    Row("Intent", "test", "lang:en", "accuracy", 0.8500, 0.8361, 0.8629, 2701),
    Row("Intent", "test", "slice:complex_disambiguation", "accuracy", 0.6204, 0.5369, 0.6972, 137),
    Row("Intent", "test", "slice:easy", "accuracy", 0.9500, 0.9110, 0.9724, 200),
    Row("Intent", "test", "slice:empty", "accuracy", None, None, None, 0),
    Row("Intent", "test", "slice:rare", "accuracy", 0.25, 0.0715, 0.5907, 8),
    Row("Intent", "dev", "*", "accuracy", 0.9, 0.8, 0.95, 100),
    Row("POS", "dev", "*", "accuracy", 0.9312, 0.9213, 0.9400, 2600),
    Row("Arg", "test", "*", "accuracy", None, None, None, 0),
)
REPORT = Report(
    rows=ROWS,
    main_metric={"Intent": "accuracy", "POS": "accuracy", "Arg": "accuracy"},
    notes=("task Arg has no gold in test",),
)


def test_the_report_shows_each_task_and_its_worst_tags_first():
    assert render_report(REPORT, width=100) == dedent(
        """\
        Intent  accuracy on test  --------------------------------------------------------------------------
                                            n  value  95 % interval   change
          whole split                   4,500  0.841  0.830 .. 0.852               |                  o   |
          slice:complex_disambiguation    137  0.620  0.537 .. 0.697  -0.221 below |           --o--      |
          lang:en                       2,701  0.850  0.836 .. 0.863  +0.009       |                  o   |
          slice:easy                      200  0.950  0.911 .. 0.972  +0.109 above |                    o-|
          slice:rare                        8  0.250  0.071 .. 0.591  -0.591 few   | ----o-------         |
          slice:empty                       0      -                  no gold
          macro_f1 0.612 (0.591 .. 0.633)   ece 0.031 (0.022 .. 0.042)   log_loss 0.581 (0.551 .. 0.613)

        POS  accuracy on dev  ------------------------------------------------------------------------------
                           n  value  95 % interval   change
          whole split  2,600  0.931  0.921 .. 0.940               |                           o- |

        Arg  -----------------------------------------------------------------------------------------------
          no gold, so there is nothing to say

        note: task Arg has no gold in test
        """
    )


def test_what_is_nearly_perfect_is_not_told_as_perfect():
    rows = (
        Row("Intent", "test", "*", "accuracy", 0.9996, 0.9991, 0.9998, 9000),
        Row("Intent", "test", "*", "ece", 0.0003, None, None, 9000),
        Row("Intent", "test", "slice:all", "accuracy", 1.0, 0.9996, 1.0, 2000),
        Row("Intent", "test", "slice:next_to_none", "accuracy", 0.0004, 0.0, 0.001, 2000),
    )
    whole, next_to_none, all_right, others = render_report(Report(rows, {"Intent": "accuracy"}, ())).splitlines()[2:]
    assert "9,000  0.999  0.999 .. 0.999 " in whole
    assert "0.001  0.000 .. 0.001" in next_to_none
    assert "1.000  0.999 .. 1.000" in all_right
    assert others == "  ece 0.001"


def test_of_a_tag_that_only_another_split_has_it_is_said_so():
    report = Report((*ROWS, Row("Intent", "dev", "late", "accuracy", 0.5, 0.3, 0.7, 20)), REPORT.main_metric)
    assert "  late: no record of test with gold; the JSON" in render_report(report.of_tag("late"))
    assert "no record of" not in render_report(report)


def test_a_narrow_report_has_no_drawing_and_shortens_long_tags():
    text = render_report(REPORT, width=70)
    assert "|" not in text
    assert max(map(len, text.splitlines())) <= 70
    assert "slice:complex_disamb..." in text


def test_of_many_tags_slices_are_kept_before_others():
    lines = render_report(REPORT, limit=4).splitlines()
    assert not any("lang:en" in line for line in lines)
    assert "  ... and 1 more tag" in lines


def test_hidden_tags_with_few_items_are_counted():
    tags = tuple(Row("T", "test", f"t{n}", "accuracy", 0.5, 0.1, 0.9, n) for n in (5, 6, 50, 60))
    whole = Row("T", "test", "*", "accuracy", 0.5, 0.4, 0.6, 121)
    text = render_report(Report(rows=(whole, *tags), main_metric={"T": "accuracy"}), limit=1)
    assert "  ... and 3 more tags, 2 of them with fewer than 30 items\n" in text


def test_a_report_of_nothing_is_empty():
    assert render_report(Report(rows=(), main_metric={})) == "\n"
