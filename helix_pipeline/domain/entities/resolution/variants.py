"""One spelling for what British and American English write differently: `colour` and `color`, `optimise`, `centre`."""

import re

_RULES = tuple(
    (re.compile(pattern), to)
    for pattern, to in (
        (r"isation", "ization"),
        (r"(?<=\w{2})(al|il|ar|or|er|on|em|ym|at|it|im|om|am|et)is(?=e$|ed|er|ing$)", r"\1iz"),
        (r"alys(?=e$|ed|er|ing$)", "alyz"),
        (r"(col|behavi|fav|hon|lab|neighb|flav|harb|hum|rum|vap|endeav|arm)our", r"\1or"),
        (r"(cen|thea|spec|li|me)tre(?!a)", r"\1ter"),
        (r"(fi|cali)bre", r"\1ber"),
        (r"(catal|dial|anal|prol)ogue", r"\1og"),
        (r"(def|off|lic)ence", r"\1ense"),
        (r"(mod|lab|canc|trav|chann|tunn|fu|sign)(e|a)ll(?=ed|ing|er)", r"\1\2l"),
        (r"programme(?=$|[^drs])", "program"),
        (r"grey", "gray"),
        (r"artefact", "artifact"),
    )
)


def american(key: str) -> str:
    """Return the key with the American spelling of what has two."""
    for pattern, to in _RULES:
        key = pattern.sub(to, key)
    return key
