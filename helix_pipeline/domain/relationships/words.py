"""The words around a cue that decide who states what: classes of English function words, and nothing else."""

import re


def _words(listed: str) -> frozenset[str]:
    return frozenset(re.findall(r"\S+", listed))


SPEAKER = _words("i we")
OWN = _words("my our")
ADDRESSED = _words("you he she it they this these those someone everybody people")
OTHERS = _words(
    """colleague colleagues coworker coworkers friend friends wife husband partner girlfriend boyfriend boss manager
    brother sister mother mom father dad parents son daughter kid kids teacher professor neighbor neighbour uncle
    aunt cousin competitor competitors users customers client clients fans developers people folks students"""
)
"""Nouns for people: what they do is not what the owner does, be it `my` or `Docker`."""

GROUPS = _words("team company group organization organisation department lab crew project startup squad")
"""Nouns for the speaker among others: what they prefer or decide, the speaker does."""

BE = _words("is are was were be been being am 'm 're 's")
HAVE = _words("has have had 've")
DO = _words("do does did")
NEGATION = _words("not n't never neither nor hardly no")
WILL = _words("will 'll wo gonna")
WOULD = _words("would 'd")
MODAL = _words("could might may should can ca must shall cannot ought")
FORMER = _words("previously formerly")
ADVERBS = _words(
    """also now still already always often sometimes just only both all even ever then today here there so too well
    currently nowadays again once instead later rather in-house itself themselves each either pretty quite very more
    most much mainly almost about"""
)
DETERMINERS = _words("a an the")
FILLERS = DETERMINERS | _words("our my its their his her your some both either any")
"""What may stand before a name without changing anything."""

OF_HEADS = _words(
    """version versions release releases instance instances cluster clusters flavor flavour kind lot lots mix bit
    combination features parts dialect fork variant subset top"""
)
"""Nouns after which `of` goes on with the name that is meant: `the latest version of X`."""

RELATIVE = _words("which that who")
CONJUNCTIONS = _words("and or but & then plus")
SEPARATORS = _words("and or , & / + plus")
ING_NOUNS = _words("existing learning processing streaming testing programming messaging computing rendering")
"""Words in -ing that begin no clause of their own before a name."""

STOP = (
    _words(
        """if unless whether when while whereas because since although though as than to from in on at by for with
        without within into onto over under via per of about after before until during against among between through
        like unlike outside inside near behind below above across along around beyond despite except towards past
        according depending where how why what who whom whose which that and or but nor so yet i we you he she it they
        me us him them this these those there"""
    )
    | frozenset(";:()[]{}|—\u2013,.!?…<>=")
    | BE
    | DO
    | HAVE
    | WILL
    | WOULD
    | MODAL
    | NEGATION
)
"""What ends a noun phrase."""

AFTER = _words("in for on at since here now as with right too again these this and instead . !")
CLAUSE = BE | DO | WILL | WOULD | MODAL | SPEAKER | ADDRESSED | _words(", to")
"""`Using X` at the beginning is about the speaker where it goes on with the former and without the latter."""

CONDITIONS = _words("if unless")
UNREAL = CONDITIONS | _words(
    """whether suppose supposing imagine assuming assume wish wonder hope hypothetically pretend unsure considering"""
)
"""After one of these nothing is stated; before a condition something is, with less confidence."""

DOUBT = _words("maybe perhaps possibly")
BELIEF = _words(
    """probably likely apparently seemingly supposedly presumably allegedly afaik iirc think believe guess suspect
    reckon seems seem heard rumor rumors rumour rumours"""
)
ASKING = DO | MODAL | WILL | WOULD | _words("is are was were has have am")
WH = _words("how why what where when which who")
"""First words of a question: the latter before one of the former, which stand before a subject."""

OPENERS = _words("so and but ok okay well hey hi hmm yes yeah no , - *")
"""What may come before the first word of a sentence."""
