import time

import pytest

from overton.data.alike import alike_classes


@pytest.mark.parametrize("slip", ["gret", "greeet", "graet", "gerat", "Greet", "GREET", " greet", "greet ", "grete"])
def test_a_class_one_slip_away_from_a_frequent_one_is_told(slip):
    meant = "great" if slip == "gerat" else "greet"
    assert alike_classes({meant: 812, "order_pizza": 90, slip: 2}) == [(slip, meant)]


@pytest.mark.parametrize(
    "counts",
    [
        {"set_1": 400, "set_2": 1, "set_11": 2},
        {"B-city": 400, "I-city": 2, "O": 900},
        {"a": 400, "A": 3, "b": 1},
        {"NN": 400, "NNS": 2, "NNP": 1},
        {"book_flight": 400, "look_flight": 1},
        {"male": 400, "mile": 2},
        {"hotel": 400, "hotels": 60},
        {"greet": 12, "gret": 1},
        {"class_a": 400, "class_b": 2},
        {"inbox": 400, "infox": 2, "indox": 2, "incox": 300},
        {"v1.5": 400, "v1.6": 1},
    ],
    ids=lambda counts: " ".join(counts),
)
def test_classes_that_may_well_be_two_are_not(counts):
    assert not [pair for pair in alike_classes(counts) if "infox" not in pair and "indox" not in pair]


def test_the_more_frequent_of_two_cases_is_the_one_that_is_meant():
    assert alike_classes({"Location": 30, "location": 400}) == [("Location", "location")]


def test_ten_thousand_classes_take_no_time():
    counts = {f"class_number_{number}": (1, 500)[number % 2] for number in range(10_000)}
    counts |= {f"{'word' * (number % 9)}{number}end": (1, 500)[number % 2] for number in range(10_000)}
    begin = time.perf_counter()
    assert not alike_classes(counts)
    assert time.perf_counter() - begin < 5
