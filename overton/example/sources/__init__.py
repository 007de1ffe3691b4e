"""The sources of the factoid application, by task: each errs in the way of its kind, none only by chance."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from overton.example.examples import Example
from overton.example.sources import entity_type, intent, intent_arg, pos

__all__ = ["SOURCES", "Label", "Source"]

# As it stands in a data file: null where the source abstains.
Label = str | int | Mapping[str, float] | Sequence[str | None] | Sequence[Sequence[str] | None] | None
Source = Callable[[Example, Random], Label]

SOURCES: Mapping[str, Mapping[str, Source]] = {
    "POS": {
        "lexicon": pos.lexicon,
        "suffix_rules": pos.suffix_rules,
        "tagger": pos.tagger,
        "crowd": pos.crowd,
    },
    "EntityType": {
        "gazetteer": entity_type.gazetteer,
        "famous_reading": entity_type.famous_reading,
        "cue_words": entity_type.cue_words,
        "intent_projection": entity_type.intent_projection,
        "crowd": entity_type.crowd,
    },
    "Intent": {
        "keyword_rules": intent.keyword_rules,
        "rule_calories": intent.rule_calories,
        "rule_height": intent.rule_height,
        "weak_kb": intent.weak_kb,
        "legacy_v1": intent.legacy_v1,
        "crowd": intent.crowd,
    },
    "IntentArg": {
        "longest_span": intent_arg.longest_span,
        "popularity": intent_arg.popularity,
        "first_mention": intent_arg.first_mention,
        "type_match": intent_arg.type_match,
        "crowd": intent_arg.crowd,
    },
}
