"""The schema and the README of the factoid application, as they are written."""

FACTOID_SCHEMA = """\
{
  "payloads": {
    "tokens":   {"type": "sequence", "max_length": 32},
    "query":    {"type": "singleton", "base": ["tokens"]},
    "entities": {"type": "set", "range": "tokens"}
  },
  "tasks": {
    "POS":        {"payload": "tokens", "type": "multiclass"},
    "EntityType": {"payload": "tokens", "type": "bitvector"},
    "Intent":     {"payload": "query", "type": "multiclass"},
    "IntentArg":  {"payload": "entities", "type": "select"}
  }
}
"""

FACTOID_README = """\
# Factoid questions

Questions such as "how tall is the president of france", made from templates over tables of well known facts.

| task | what it says | sources |
|---|---|---|
| `POS` | part of speech of each token | `lexicon`, `suffix_rules`, `tagger`, `crowd` |
| `EntityType` | types of each token | `gazetteer`, `famous_reading`, `cue_words`, `intent_projection`, `crowd` |
| `Intent` | what is asked | `keyword_rules`, `rule_calories`, `rule_height`, `weak_kb`, `legacy_v1`, `crowd` |
| `IntentArg` | which candidate it is asked of | `longest_span`, `popularity`, `first_mention`, `type_match`, `crowd` |

No source is right throughout, and none errs only by chance: rules see one word, popularity takes every `turkey` for the
country, the old model has never heard of some intents. `gold` stands in dev and test alone.

- Slices: `slice:nutrition`, `slice:complex_disambiguation` (many readings of one name), `slice:unit_conversion` (1 %).
- Lineage: `lineage:template_v1` to `v3` (v3 is phrasing that is not in the training data), `lineage:typo`, `batch:1` to
  `batch:5`, `channel:voice` and `channel:web`.

Next:

    overton check .      every fault of schema and data
    overton sources .    which sources are weak, and where they disagree
    overton build .      combine the sources, train, evaluate, keep a version
    overton report .     quality by slice: which is the poorest?

Then mend a slice. Labels may stand apart from their records, so a new file is enough, for example `data/fix.jsonl`:

    {"id": "f000003", "tasks": {"Intent": {"me": "duration"}}}

Something is wrong with one batch of the crowd. Can you find it?
"""
