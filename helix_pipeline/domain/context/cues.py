"""Words that tell what a sentence is about: a plan, a date, a liking, a greeting. Lower case, as `PIECE` cuts them.

They are common English, of no one set of data. Sentences in other languages have none of them, and are told apart by
their length, names, numbers and novelty alone.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CUES: dict[str, frozenset[str]] = {
    "first_person": _words("i 'm my me mine myself we our us ours im"),
    "second_person": _words("you your yours yourself u ya 're"),
    "third_person": _words("he she they him her his hers them their it its"),
    "number_word": _words(
        "one two three four five six seven eight nine ten eleven twelve dozen hundred thousand million billion first "
        "second third fourth fifth once twice half couple several double"
    ),
    "month": _words(
        "january february march april may june july august september october november december jan feb mar apr jun jul "
        "aug sept sep oct nov dec"
    ),
    "weekday": _words("monday tuesday wednesday thursday friday saturday sunday weekend mon tue wed thu fri sat sun"),
    "relative_time": _words(
        "yesterday today tomorrow tonight ago last next week weeks month months year years day days morning afternoon "
        "evening night recently lately earlier since soon later hour hours minute minutes now during until birthday "
        "anniversary summer winter spring fall autumn noon midnight am pm"
    ),
    "past": _words(
        "was were had did went got made took told said saw came found bought gave began started met won lost felt left "
        "kept ran read wrote became built sold sent held taught grew drew ate spent paid chose chosen decided joined "
        "moved visited received finished completed failed fixed changed created been 'd"
    ),
    "future": _words(
        "will 'll going gonna plan planning plans want wants wanted hope hoping intend would wish goal goals dream "
        "dreams aim upcoming schedule scheduled"
    ),
    "preference": _words(
        "love loves loved like likes liked enjoy enjoys enjoyed prefer prefers preferred favorite favourite hate hates "
        "hated dislike fan passion passionate interested into keen rather best"
    ),
    "decision": _words(
        "decide decided decision choose chose chosen agreed agree agreement conclude concluded approved selected "
        "settled opted pick picked switched use using instead confirmed confirm book booked reserve reserved"
    ),
    "commitment": _words(
        "promise promised must should need needs needed deadline due commit committed todo remind ensure"
    ),
    "possession": _words("have has had own owns owned got bought ordered received gift car house dog cat pet pets"),
    "family": _words(
        "mom mum mother dad father sister brother son daughter wife husband kid kids child children baby parents "
        "family uncle aunt cousin grandma grandpa grandmother grandfather boyfriend girlfriend partner friend friends "
        "fiance niece nephew colleague colleagues neighbor neighbour"
    ),
    "place": _words(
        "in at from to near city town country home park beach school college university museum store restaurant church "
        "office hospital gym club center centre shelter studio trip street address hotel airport station"
    ),
    "occupation": _words(
        "job work working company business project career boss team class course degree study studying event game "
        "concert show competition tournament race movie server database code version release customer product"
    ),
    "reaction": _words(
        "wow awesome great amazing cool thanks thank nice sweet glad happy congrats congratulations sounds wonderful "
        "fantastic yeah yep yes absolutely definitely agree haha lol proud inspiring incredible sure ok okay good "
        "totally love hey hi hello bye care luck sorry please welcome"
    ),
    "negation": _words("not no never n't 't nothing none without"),
    "question_word": _words("what how who where when why which whose any anything"),
    "reason": _words("because so since 'cause cause therefore why reason"),
    "naming": _words("called named name title titled known"),
}
"""Classes of words, by name; a word may be in several."""

STOP_WORDS = _words(
    "a an the and or but if then of to in on at by for with from as is are was were be been being am i you he she "
    "it we they me him her us them my your his its our their this that these those there here do does did have has "
    "had not no so just too very can could will would should may might must about into over out up down off than "
    "more most some any all what which who when where how why 's 't 'm 're 've 'll 'd s t m re ve ll d also really "
    "get got one"
)
"""Words that say little by themselves."""
