"""The exact choice of groups from a table of losses, and the prediction of gains that were not measured."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmtl.model_selection import choose_task_groups
from skmtl.model_selection.grouping._surrogate import AdditiveGains

# Affinities of five tasks of Taskonomy (Fifty et al., NeurIPS 2021, TAG_network_selection.ipynb, Apache-2.0): what each
# task (row) gains beside another. The best groups for 2 and 3 networks were found by enumeration.
TASKONOMY = np.array(
    [
        [11.9993, 0.115374, 0.04891, 0.004547, 0.008776],
        [0.413559, 7.32764, 0.291415, 0.013537, 0.073957],
        [0.139824, 0.220962, 1.07099, 0.010494, 0.07646],
        [0.021099, 0.013366, 0.010729, 0.733884, 0.689736],
        [0.056692, 0.036683, 0.036007, 0.303721, 5.96619],
    ]
)
# Losses of setting 2 of Standley et al. (ICML 2020, MIT licence), subset by subset: the five single tasks on networks
# of half the size (cost 0.5), then all 31 subsets (cost 1) by size and task. Networks are chosen by validation losses,
# by losses early in training or by means over pairs; the published curves are total test losses for budgets of 1 to 5.
LOSSES = {
    "validation": """
        0.03664 0.1478 0.08067 0.08043 0.02041 0.03576 0.1427 0.0797 0.08093 0.01692 0.03606 0.1434 0.03275
        0.08292 0.03575 0.08488 0.03711 0.01601 0.1385 0.07971 0.1492 0.08343 0.1493 0.01624 0.0897 0.04267
        0.08472 0.01184 0.08297 0.01275 0.03528 0.138 0.08183 0.03883 0.1488 0.08495 0.03748 0.1462 0.0188
        0.03496 0.08498 0.0815 0.03535 0.08511 0.01615 0.03787 0.08445 0.01438 0.1413 0.08215 0.08067 0.1454
        0.08238 0.01618 0.1518 0.08345 0.01667 0.0886 0.07956 0.01616 0.03534 0.1407 0.08259 0.08481 0.03661
        0.1418 0.08246 0.01842 0.0382 0.1488 0.08472 0.01694 0.03677 0.08664 0.07945 0.01813 0.1452 0.08277
        0.08481 0.01745 0.0367 0.1442 0.08296 0.08298 0.01641
    """,
    "early": """
        0.1022 0.381 0.1245 0.1114 0.08506 0.1623 0.317 0.1164 0.116 0.215 0.1067 0.2633 0.09147 0.1304
        0.09653 0.1832 0.09416 0.1221 0.3544 0.1328 0.3204 0.1351 0.3515 0.08215 0.1261 0.1205 0.1243 0.1256
        0.1322 0.1243 0.08381 0.246 0.1326 0.09195 0.3071 0.1296 0.09837 0.3772 0.09825 0.1001 0.1268 0.1512
        0.1133 0.1335 0.1359 0.1197 0.1207 0.143 0.2646 0.1245 0.1381 0.3473 0.1255 0.1021 0.2966 0.1307
        0.1277 0.1264 0.118 0.07475 0.09258 0.4347 0.1253 0.1225 0.09358 0.2792 0.1295 0.09629 0.1054 0.3073
        0.122 0.08293 0.09383 0.1316 0.1249 0.1336 0.2825 0.1272 0.1705 0.1131 0.1085 0.2447 0.1313 0.1325
        0.1101
    """,
    "test": """
        0.03435 0.1474 0.08036 0.07954 0.02023 0.03372 0.1424 0.07939 0.07988 0.01677 0.03377 0.1431 0.031
        0.08267 0.03331 0.0839 0.03485 0.01583 0.1376 0.07942 0.148 0.08244 0.1495 0.01609 0.08941 0.04209
        0.08439 0.01179 0.08204 0.01256 0.03326 0.1374 0.08152 0.03643 0.1483 0.08394 0.03579 0.1461 0.01857
        0.03281 0.08467 0.08048 0.03303 0.08477 0.01604 0.03532 0.08351 0.01423 0.141 0.08175 0.07963 0.1441
        0.08201 0.01604 0.1519 0.08246 0.0164 0.08833 0.07865 0.01613 0.03321 0.14 0.08237 0.08386 0.03419
        0.1408 0.08207 0.01818 0.03645 0.1482 0.08373 0.0168 0.0347 0.08639 0.07851 0.01796 0.1443 0.08249
        0.08386 0.01721 0.03515 0.1439 0.08267 0.08194 0.01623
    """,
}
PUBLISHED = {
    "validation": [0.35989, 0.35478, 0.31733, 0.3145, 0.30606, 0.3049, 0.3019, 0.3019, 0.30167],
    "early": [0.35989, 0.35989, 0.34696, 0.34696, 0.34483, 0.34483, 0.34483, 0.34483, 0.34483],
    "pairs": [0.35989, 0.35758, 0.31733, 0.31562, 0.31177, 0.30525, 0.3019, 0.3019, 0.30187],
}


def subsets_of(n_tasks, smallest=1):
    sizes = range(smallest, n_tasks + 1)
    return [list(subset) for size in sizes for subset in combinations(range(n_tasks), size)]


def table_of(subsets, n_tasks, value):
    losses = np.full((len(subsets), n_tasks), np.nan)
    for row, subset in enumerate(subsets):
        for task in subset:
            losses[row, task] = value(task, subset)
    return losses


def read_losses(text, subsets):
    numbers = iter(map(float, text.split()))
    return table_of(subsets, 5, lambda *_: next(numbers))


def means_over_pairs(losses, subsets):
    """Standley's approximation: a task's loss in a larger subset is its mean over the pairs in it."""
    row_of = {tuple(subset): row for row, subset in enumerate(subsets)}

    def mean(task, subset):
        pairs = [tuple(sorted((task, other))) for other in subset if other != task]
        return np.mean([losses[row_of[pair], task] for pair in pairs])

    means = table_of(subsets, 5, lambda task, subset: mean(task, subset) if len(subset) > 2 else 0.0)
    small = [len(subset) <= 2 for subset in subsets]
    means[small] = losses[small]
    return means


def best_by_enumeration(losses, budget, costs):
    best = np.inf
    for size in range(1, len(losses) + 1):
        for rows in map(list, combinations(range(len(losses)), size)):
            covered = ~np.isnan(losses[rows]).all(axis=0)
            if covered.all() and sum(costs[row] for row in rows) <= budget:
                best = min(best, np.nanmin(losses[rows], axis=0).sum())
    return best


@pytest.mark.parametrize(
    ("n_networks", "groups", "mean_affinity"),
    [(2, [[0, 1, 2], [3, 4]], 0.3217), (3, [[0, 1], [1, 2], [3, 4]], 0.3487), (4, [[0, 1], [1, 2], [3, 4]], 0.3487)],
)
def test_published_affinities_give_the_best_groups(n_networks, groups, mean_affinity):
    subsets = subsets_of(5, smallest=2)

    def affinity(task, subset):
        return np.mean([TASKONOMY[task, other] for other in subset if other != task])

    choice = choose_task_groups(-table_of(subsets, 5, affinity), n_networks)
    assert sorted(subsets[row] for row in choice.chosen) == groups
    assert_allclose(-choice.loss / 5, mean_affinity, atol=1e-4)


@pytest.mark.parametrize("chosen_by", PUBLISHED)
def test_published_totals_of_the_best_networks_within_a_budget(chosen_by):
    subsets, costs = [[task] for task in range(5)] + subsets_of(5), np.repeat([0.5, 1.0], [5, 31])
    tables = {name: read_losses(text, subsets) for name, text in LOSSES.items()}
    tables["pairs"] = means_over_pairs(tables["validation"], subsets)
    found = [choose_task_groups(tables[chosen_by], budget, costs).chosen for budget in np.arange(1, 5.5, 0.5)]
    totals = [np.nanmin(tables["test"][chosen], axis=0).sum() for chosen in found]
    assert_allclose(totals, PUBLISHED[chosen_by], atol=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_no_choice_is_better(seed):
    rng = np.random.default_rng(seed)
    subsets = subsets_of(3)
    losses = table_of(subsets, 3, lambda *_: round(rng.random(), 1))
    costs = rng.choice([0.0, 0.5, 1.0], size=len(subsets))
    choice = choose_task_groups(losses, 1.5, costs)
    assert_allclose(choice.loss, best_by_enumeration(losses, 1.5, costs))
    assert costs[choice.chosen].sum() <= 1.5
    assert_array_equal(np.unique(choice.serving), choice.chosen)


def test_what_costs_nothing_serves_where_nothing_is_better():
    losses = [[0.5, 0.9, 0.9], [0.9, 0.5, 0.9], [0.4, 0.4, np.nan], [0.6, 0.6, 0.6]]
    choice = choose_task_groups(losses, 0, [1, 1, 1, 0])
    assert_array_equal(choice.serving, [3, 3, 3])
    assert_array_equal(choose_task_groups(losses, 1, [1, 1, 1, 0]).serving, [2, 2, 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.1, np.nan], [0.2, np.nan]], 1), "losses has no number for the task in column 1"),
        (([0.1, 0.2], 1), r"losses must have shape \(n_subsets, n_tasks\)"),
        (([[0.1, np.inf]], 1), "with infinite ones"),
        (([[0.1, np.nan], [np.nan, 0.2]], 1), "budget=1 does not suffice"),
        (([[0.1, 0.2]], 1, [-1]), "costs must be 1 numbers of at least 0"),
        (([[0.1, 0.2]], -1), "budget must be"),
    ],
)
def test_tables_that_allow_no_choice_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_task_groups(*arguments)


@pytest.mark.parametrize("measured", ["all", "random"])
def test_gains_that_add_up_are_predicted_exactly(measured):
    rng = np.random.default_rng(0)
    true = AdditiveGains(rng.normal(size=6), rng.normal(size=(6, 6)) * (1 - np.eye(6)))
    members = np.array([np.isin(np.arange(6), subset) for subset in subsets_of(6)])
    gains = true.predict(members)
    known = slice(None) if measured == "all" else rng.permutation(len(members))[:40]
    predicted = AdditiveGains.fit(members[known], gains[known]).predict(members)
    assert_allclose(predicted, gains, atol=1e-5)
    assert_array_equal(predicted[:6][np.eye(6, dtype=bool)], 0.0)


def test_permuted_tasks_have_permuted_effects():
    rng = np.random.default_rng(1)
    members = np.array([np.isin(np.arange(5), subset) for subset in subsets_of(5)])
    gains = np.where(members, rng.normal(size=members.shape), np.nan)
    order = rng.permutation(5)
    plain, permuted = AdditiveGains.fit(members, gains), AdditiveGains.fit(members[:, order], gains[:, order])
    assert_allclose(permuted.effects, plain.effects[np.ix_(order, order)], atol=1e-9)
    assert_allclose(permuted.intercepts, plain.intercepts[order], atol=1e-9)
