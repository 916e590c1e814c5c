"""Each example runs, and prints what its text claims."""

import contextlib
import io
import re
import runpy
import sys
from functools import cache
from pathlib import Path
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

from skmtl.sharing import SHARINGS

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
MAX_LINES = 90
NUMBER = re.compile(r"[-+]?\d+\.\d+")


@cache
def run(name: str) -> str:
    """Return what an example prints, and check that it draws; a warning is an error, as in all tests."""
    path, printed = str(EXAMPLES / name), io.StringIO()
    plt.close("all")
    with patch.object(sys, "argv", [path]), patch.object(plt, "show") as show, contextlib.redirect_stdout(printed):
        runpy.run_path(path, run_name="__main__")
    figures = [plt.figure(number) for number in plt.get_fignums()]
    assert show.called
    assert any(axes.has_data() for figure in figures for axes in figure.axes), f"{name} has no picture"
    plt.close("all")
    return printed.getvalue()


def numbers_after(label: str, printed: str) -> list[float]:
    """Return the numbers with a decimal point on the line that begins with ``label``."""
    line = next(line.strip() for line in printed.splitlines() if line.strip().startswith(label))
    return [float(number) for number in NUMBER.findall(line.removeprefix(label))]


def test_targets_of_one_origin_gain_most_where_labels_are_few() -> None:
    printed = run("00_why_share.py")
    gains = [numbers_after(str(n), printed)[-1] for n in (15, 30, 60)]
    assert gains[0] > 0.15
    assert gains[0] > gains[1] > gains[2] > 0.05
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(
        r"R2 of (\S+) on new samples.* reach (\S+)\n.* it is (\S+) and (\S+) \(`make demo`", readme, re.DOTALL
    )
    rows = [numbers_after(str(n), printed) for n in (15, 60)]
    measured = [score for row in rows for score in (row[0], max(row[1:4]))]
    np.testing.assert_allclose([float(figure) for figure in shown.groups()], measured, atol=0.03)


def test_one_network_is_better_than_one_per_task_where_tasks_share() -> None:
    printed = run("01_quickstart.py")
    scores = {task: numbers_after(task, printed) for task in ("digit", "odd", "ink")}
    for together, alone, gain in scores.values():
        assert 0.8 < alone < 1
        assert abs(together - alone - gain) < 0.0011
    assert scores["digit"][2] + scores["odd"][2] > 0
    assert scores["ink"][2] > -0.05
    assert "40% of their labels unknown" in printed


def test_grid_search_trades_one_task_for_another() -> None:
    printed = run("02_pipeline_and_grid_search.py")
    equal = numbers_after("loss_weights=None", printed)
    for_odd = numbers_after("loss_weights={'odd': 3}", printed)
    for_loop = numbers_after("loss_weights={'loop': 3}", printed)
    for_digit = numbers_after("loss_weights__digit=4", printed)
    assert for_digit[0] > max(for_odd[0], for_loop[0])
    assert for_odd[1] > max(for_digit[1], for_loop[1])
    assert max(for_loop[2], equal[2]) > for_odd[2]
    best = re.findall(r"^best for \w+: (.+)$", printed, flags=re.MULTILINE)
    assert len(best) == 3
    assert best[0].startswith("loss_weights__digit=")
    assert len(set(best)) > 1


def test_best_search_candidate_is_refitted_and_survives_a_pickle() -> None:
    printed = run("02_pipeline_and_grid_search.py")
    weights = numbers_after("refit for digit, weights:", printed)
    assert abs(sum(weights) - 1) < 0.002
    assert weights[0] == max(weights)
    assert min(numbers_after("accuracy on new images:", printed)) > 0.7
    assert "equal predictions after the round trip: True" in printed


def test_a_weight_search_trades_one_task_for_another() -> None:
    printed = run("07_weight_search.py")
    lines = re.findall(r"^ *[-\d. ]+(?:  <- chosen)?$", printed, flags=re.MULTILINE)
    table = np.array([[float(number) for number in NUMBER.findall(line)] for line in lines])
    assert table.shape[1] == 6
    assert table.shape[0] == int(re.search(r"^(\d+) of 21 candidates", printed)[1])
    digit, _, ink = table[:, 3:].T
    assert np.corrcoef(table[:, 0], digit)[0, 1] > 0.7
    assert spearmanr(digit, ink).statistic < -0.7
    (chosen,) = [k for k, line in enumerate(lines) if "chosen" in line]
    assert ink[chosen] >= 0.75
    assert digit[chosen] == digit[ink >= 0.75].max()
    scores = re.search(r"on test images: digit (\S+), odd (\S+), ink (\S+)", printed)
    assert all(float(score) > 0.7 for score in scores.groups())


def test_thresholds_find_customers_who_leave() -> None:
    printed = run("08_churn.py")
    (plain,), (better,) = numbers_after("most probable class", printed)[-1:], numbers_after("thresholds", printed)[-1:]
    assert better > plain + 0.15
    assert re.search(r"^ *leaves +\d+ +\d+ +\d+", printed, flags=re.MULTILINE)
    assert "No better than the trivial predictor: none" in printed


def test_members_judged_by_the_weeks_that_follow_know_what_they_will_do() -> None:
    printed = run("09_sensors.py")
    (too_good, found), (claimed, ahead) = (numbers_after(name, printed) for name in ("hours at random", "weeks ahead"))
    assert too_good > found + 0.2
    assert abs(claimed - ahead) < 0.15
    narrow, honest = map(int, re.findall(r"90% intervals hold (\d+)%", printed))
    assert narrow < 70 < 80 < honest
    assert re.search(r"^ *power +\d+ +\d+", printed, flags=re.MULTILINE)


def test_masked_fit_is_better_than_dropping_incomplete_rows() -> None:
    printed = run("03_missing_labels.py")
    assert printed.count("gives the same predictions as NaN: True") == 2
    masked_score, by_hand = numbers_after("R2 of bmi on", printed)
    assert masked_score == by_hand
    used = re.search(r"patients used +(\d+) +(\d+)", printed)
    assert used is not None
    assert int(used[1]) > 2 * int(used[2])
    masked, dropped = numbers_after("mean", printed)
    assert masked > dropped + 0.05


def test_sharing_pays_on_related_tasks_only() -> None:
    printed = run("04_sharing.py")
    scores = {name: numbers_after(name, printed) for name in SHARINGS}
    hard, alone = scores["hard"], scores["independent"]
    assert hard[0] < alone[0] - 0.05
    assert hard[2] > alone[2] + 0.05
    for name in ("soft", "low_rank", "mmoe", "ple"):
        behind = [max(hard[k], alone[k]) - scores[name][k] for k in (0, 2)]
        assert max(behind) < abs(hard[0] - alone[0]) * 0.8, name


def test_agreement_keeps_one_network_good_and_wrong_labels_are_found() -> None:
    printed = run("12_networks_that_teach.py")
    alone, agreeing = numbers_after("independent", printed), numbers_after("agree", printed)
    assert abs(agreeing[0] - alone[0]) < 0.04
    assert agreeing[0] - agreeing[1] < alone[0] - alone[1]
    (found,) = numbers_after("188 digits are wrong", printed)
    assert found > 0.85


def test_every_example_is_short_and_tested() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    for example in EXAMPLES.glob("*.py"):
        assert len(example.read_text(encoding="utf-8").splitlines()) <= MAX_LINES, example.name
        assert f'run("{example.name}")' in tests


def test_pairs_of_tasks_that_gain_are_the_groups() -> None:
    printed = run("11_should_tasks_share.py")
    for pair in ("task0 <- task2", "task2 <- task0", "task1 <- task3", "task3 <- task1"):
        assert pair in printed
    mean_gain, low, _ = numbers_after("Mean gain of the 4 tasks by being learned together:", printed)[:3]
    assert mean_gain > low > 0
    alone, together, in_groups = numbers_after("mean R2 on new rows:", printed)
    assert min(together, in_groups) > alone + 0.03
    assert printed.count("is served by a network of") == 4


def test_scores_of_whole_scaffolds_promise_no_more_than_new_ones_keep() -> None:
    printed = run("10_assays.py")
    at_random, in_groups = (
        numbers_after(f"{name} held out:", printed) for name in ("molecules at random", "whole scaffolds")
    )
    assert at_random[0] > at_random[1] + 0.08
    assert 0.55 < in_groups[0] < in_groups[1] + 0.03
    (not_better,) = re.findall(r"No better than the trivial predictor: (.+)\.", printed)
    assert "assay12" in not_better
    assert "assay2," not in not_better
    assert printed.count("0.500") >= 12  # the ROC-AUC of the trivial predictor


def test_convolutions_see_more_in_images_than_a_table() -> None:
    printed = run("05_images.py")
    for task in ("left", "right", "sum"):
        convolutions, table = numbers_after(task, printed)
        assert 0.6 < table < convolutions < 1
    assert numbers_after("left", printed)[0] > 0.9


def test_a_recurrent_layer_knows_the_order_of_words() -> None:
    printed = run("06_text.py")
    bag, recurrent = numbers_after("mean", printed), numbers_after("gru", printed)
    assert max(bag[:2]) < 0.75
    assert min(recurrent) > 0.95
    assert bag[2] > 0.9
    assert "from Porto to Oslo, 2 people" in printed


def test_a_small_data_set_gains_by_larger_ones() -> None:
    printed = run("13_data_sets.py")
    (alone,), (together,) = numbers_after("clinic alone", printed), numbers_after("three places", printed)
    assert together > max(alone, 0.1) + 0.1


def assert_better_than_trivial(printed: str, **goals: float) -> None:
    """Check the last number of a task's line against a goal that lies above its first, the trivial predictor's."""
    for task, goal in goals.items():
        trivial, *_, network = numbers_after(task, printed)
        assert network > goal > trivial + 0.1, task


def test_one_encoder_answers_several_questions_about_a_text() -> None:
    printed = run("14_messages.py")
    assert_better_than_trivial(printed, topic=0.9, mood=0.9, urgency=0.7)
    assert "about the device, angry" in printed


def test_words_have_tags_beside_the_mood_of_the_sentence() -> None:
    assert_better_than_trivial(run("15_tagging.py"), speech=0.9, kind=0.9, mood=0.8)


def test_languages_share_what_they_hear() -> None:
    printed = run("16_spoken_digits.py")
    assert_better_than_trivial(printed, english=0.9, german=0.9)
    scores = np.array([numbers_after(language, printed) for language in ("english", "german")])
    assert scores[:, 2].mean() > scores[:, 1].mean()


def test_attributes_of_images_are_learned_from_some_labels_of_each() -> None:
    printed = run("17_attributes.py")
    assert_better_than_trivial(printed, shape=0.6, colour=0.9, filled=0.9, size=0.6, place=0.8)
