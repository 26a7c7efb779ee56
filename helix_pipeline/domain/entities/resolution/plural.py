"""The singular of English nouns as they stand at the end of a key: rules for the endings, and lists of what they miss.

Libraries for this (`inflect` among them) take every final s for a plural: `redis`, `status` and `analysis` lose theirs.
Here an ending that names often have (-is, -us, -ss) stays unless a list says otherwise. All lists are of endings, so
that `datacaches` is treated as `data caches` is.
"""

import re

_IRREGULAR = {
    "matrices": "matrix",
    "vertices": "vertex",
    "indices": "index",
    "appendices": "appendix",
    "hypotheses": "hypothesis",
    "analyses": "analysis",
    "syntheses": "synthesis",
    "theses": "thesis",
    "crises": "crisis",
    "criteria": "criterion",
    "phenomena": "phenomenon",
    "corpora": "corpus",
    "schemata": "schema",
    "automata": "automaton",
    "quizzes": "quiz",
    "shelves": "shelf",
    "knives": "knife",
    "wolves": "wolf",
    "halves": "half",
    "mice": "mouse",
    "children": "child",
    "people": "person",
}
_SINGULAR = re.compile(
    "(?:series|species|news|physics|analytics|kudos|chaos|ethos|asbestos|canvas|atlas|alias|bias|pancreas|christmas"
    "|pandas|keras|aas|lens)$"
)
_PLURAL_IS_US = re.compile("(?:apis|guis|uis|clis|uris|taxis|wikis|pis|emojis|[cgntd]pus|skus|menus|gnus)$")
_IES_OF_IE = re.compile("(?:cook|mov|zomb|self|rook|calor|gen|newb|hood|^t|^d|^p)ies$")
_CHES_OF_CHE = re.compile("(?:ca|apa|ni|heada|avalan|psy)ches$")
_SES_OF_S = re.compile("(?:bus|status|virus|bonus|campus|census|focus|nexus|alias|bias|canvas|atlas)es$")
_OES_OF_OE = re.compile("(?:sh|t|can|f)oes$")
_SHORTEST = 4
_CAPITALS_AND_S = re.compile(r"(?:^|[^A-Za-z])[A-Z0-9]*[A-Z][A-Z0-9]+s$")


def singular(key: str, name: str) -> str:
    """Return the key of the singular of a name, or the key itself where the name is no plural.

    `key` is the normal form of `name`. The name's own case is asked for short words alone: `VMs` are machines, `aws`
    is one name.
    """
    if _CAPITALS_AND_S.search(name) and key.endswith("s"):
        return key[:-1]
    for plural, single in _IRREGULAR.items():
        if key.endswith(plural):
            return key[: -len(plural)] + single
    if len(key) < _SHORTEST or key[-1] != "s" or not key[-2].isalpha() or _SINGULAR.search(key):
        return key
    return key[: -_final(key)] + ("y" if _takes_y(key) else "") if _final(key) else key


def _final(key: str) -> int:
    """Return how many letters at the end of a key are those of the plural."""
    if key.endswith(("ss", "is", "us")):
        return 1 if _PLURAL_IS_US.search(key) else 0
    if _takes_y(key):
        return 3
    if key.endswith(("sses", "shes", "xes", "zzes")) or _SES_OF_S.search(key):
        return 2
    if key.endswith("ches"):
        return 1 if _CHES_OF_CHE.search(key) else 2
    if key.endswith("oes"):
        return 1 if _OES_OF_OE.search(key) else 2
    return 1


def _takes_y(key: str) -> bool:
    return key.endswith("ies") and len(key) > _SHORTEST and not _IES_OF_IE.search(key)
