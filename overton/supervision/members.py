"""Select: which member of a set is meant. Sources have one accuracy each, since every record has other members."""

from overton.supervision.evidence import Evidence, Fitted, worth
from overton.supervision.one_coin import OneCoinSettings, find_slots, fit_one_coin, right_votes, slot_scores, slot_table

SETTINGS = OneCoinSettings(accuracy=0.6, strength=32, lowest=0.1, highest=0.97)


def fit_members(evidence: Evidence) -> Fitted:
    """Leave-one-out accuracies, and the posterior of each member with the same chance for all beforehand."""
    sample, patterns = evidence.sample, evidence.patterns
    accuracy = fit_one_coin(
        sample.cells,
        sample.count,
        sample.n_options,
        evidence.n_sources,
        SETTINGS,
        right_votes(evidence.known, evidence.n_sources),
    )
    slots = find_slots(patterns.cells, patterns.n_options)
    scores = slot_scores(patterns.cells, slots, patterns.n_options, accuracy)
    scores *= worth(patterns.cells, patterns.n_patterns)[slots.row]
    table = slot_table(slots, scores, patterns.n_options, evidence.n_labels)
    return Fitted(table, accuracy, table.max(1), "leave_one_out")
