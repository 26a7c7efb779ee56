"""What each form of cue claims about the names around it."""

from collections.abc import Callable, Iterator, Sequence

from helix_pipeline.domain.relationships import arguments, cues, words
from helix_pipeline.domain.relationships.arguments import Subject
from helix_pipeline.domain.relationships.clause import SPEAKER, Claim, Clause
from helix_pipeline.domain.relationships.cues import Cue, Form
from helix_pipeline.domain.relationships.scope import Standing, standing

TEAM, TOGETHER, SWAPPED = 0.9, 0.8, 0.9
"""What is left of the confidence for `our backend`, for `X with Y`, and for the alternative in `replaced X with Y`."""

_INSTEAD = ("in favour of", "in favor of", "for")
_LINKED = {cues.USES: ("with", "in favour of", "in favor of"), cues.PREFERS: ("over", "to"), cues.DECIDED: ("over",)}
_UNMADE = ("write", "writes", "writing")
_FROM = ("from", "away from", "off")
_TO = ("to", "onto")
_MADE = ("in", "to", "with", "using", "on top of")
_BOTH_WAYS = frozenset(
    {"went", "change", "changed", "changing", "converted", "converting", "move", "moves", "switch", "switches"}
)
"""Verbs that say where one was before, or nothing about what is used: `I move to the next tab`."""

_LISTING = frozenset({"include", "includes", "are", "is", "like", "such", "as", ":"})
_MOST_BETWEEN = 6


def _forward(clause: Clause) -> Iterator[Claim]:
    if (who := clause.subject()) is None:
        return
    subject, stands = who
    relation = _of_speaker(clause.cue, subject, stands.relation)
    instead = ("for",) if clause.cue.ended and len(clause.cue.words) == 1 else ()
    found = clause.names(*_LINKED.get(relation, ()), *instead)
    objects = found.get("") or _fronted(clause, subject)
    told = relation == cues.CAUSED and clause.reading.objects.issuperset(subject.mentions)
    if not relation or not objects or told:
        return
    clause.keep(subject, objects)
    share = stands.share * (TEAM if subject.own else 1.0) * clause.either()
    for one in _ends(subject):
        yield from (clause.claim(one, relation, other, stands.ended, share) for other in objects)
        yield from (clause.claim(one, relation, other, True, share) for other in _excepted(clause))
        for link, others in found.items():
            yield from _linked(clause, (one, objects), (link, others), Standing(relation, stands.ended, share))


def _linked(
    clause: Clause, ends: tuple[int, Sequence[int]], others: tuple[str, Sequence[int]], stands: Standing
) -> Iterator[Claim]:
    """Yield what a second list adds: `over Y` an alternative, `with Y` one more, `in favour of Y` the new one."""
    one, objects = ends
    link, names = others
    for other in names:
        if link in ("over", "to"):
            yield from (clause.claim(chosen, cues.ALTERNATIVE, other, False, stands.share) for chosen in objects)
        elif link == "with":
            yield clause.claim(one, stands.relation, other, stands.ended, stands.share * TOGETHER)
        elif link in _INSTEAD and stands.ended:
            yield clause.claim(one, stands.relation, other, False, stands.share)


def _of_speaker(cue: Cue, subject: Subject, relation: str) -> str:
    """Return the relation for what speakers say of themselves: `our API depends on X` is that they use X."""
    if relation in (cues.PREFERS, cues.DECIDED) and subject.own and not subject.group:
        return ""
    if not subject.speaker or relation in (cues.USES, cues.PREFERS, cues.DECIDED):
        return relation
    if relation == cues.WRITTEN and subject.own:
        return cues.USES
    needs = cue.words[0].startswith(("need", "requir"))
    return cues.USES if relation == cues.DEPENDS and (subject.own or not needs) else ""


def _ends(subject: Subject) -> list[int]:
    return [SPEAKER, *subject.mentions] if subject.speaker else subject.mentions


def _fronted(clause: Clause, subject: Subject) -> list[int]:
    """Return the object that is not after the cue: `X is what we use`, `what we use is X`, `X, which we use`."""
    before, after = subject.start - 1, clause.end
    if before < 0 or subject.own:
        return []
    if clause.word(after) in words.BE and after + 1 < len(clause.tokens) and clause.tokens[after + 1].mention >= 0:
        return [clause.tokens[after + 1].mention]
    found = arguments.subject(clause.tokens, subject.start, participle=True)
    relative = clause.word(before) in ("which", "that", "what")
    return found.mentions[-1:] if relative or (subject.speaker and found.between & words.BE) else []


def _excepted(clause: Clause) -> Iterator[int]:
    """Yield what is named after the objects with `not`: `X, not Y`."""
    at = clause.last
    while clause.word(at) in (",", "and", "but"):
        at += 1
    if clause.word(at) == "not" and at + 1 < len(clause.tokens) and clause.tokens[at + 1].mention >= 0:
        yield clause.tokens[at + 1].mention


def _backward(clause: Clause) -> Iterator[Claim]:
    if (who := clause.subject()) is None:
        return
    subject, stands = who
    others = clause.names().get("", [])
    if not others and clause.cue.relation in (cues.USES, cues.PREFERS) and _is_by_speaker(clause):
        others = [SPEAKER]
    if subject.speaker:
        whole = subject.own and clause.cue.relation == cues.PART
        parts = others if whole else []
        yield from (clause.claim(SPEAKER, cues.USES, one, stands.ended, stands.share * TEAM) for one in parts)
    elif others:
        clause.keep(subject, others)
        for one in others:
            yield from (clause.claim(one, stands.relation, two, stands.ended, stands.share) for two in subject.mentions)


def _is_by_speaker(clause: Clause) -> bool:
    """Tell whether `us`, or something of the speaker's, follows the cue."""
    first, *following = (clause.word(clause.end + place) for place in range(3))
    return first in ("us", "me") or (first in words.OWN and not words.OTHERS.intersection(following))


def _between(clause: Clause) -> Iterator[Claim]:
    left = arguments.nearest_before(clause.tokens, clause.at)
    right = clause.names().get("", [])
    if not left and right and not clause.at:
        following = (token.mention for token in clause.tokens[clause.last : clause.last + _MOST_BETWEEN])
        left = [mention for mention in following if mention >= 0][:1]
    for one in left:
        yield from (clause.claim(one, cues.ALTERNATIVE, other, False, 1.0) for other in right)


def _move(clause: Clause) -> Iterator[Claim]:
    who = clause.subject()
    found = clause.names(*_FROM, *_TO)
    left, joined = ([name for link in links for name in found.get(link, ())] for links in (_FROM, _TO))
    one_way = clause.cue.words[0] not in _BOTH_WAYS
    if who is None or who[1].ended or not (one_way or (left and joined)):
        return
    subject, stands = who
    clause.keep(subject, [*left, *joined])
    decided = clause.cue.relation == cues.DECIDED
    moved = [] if decided else found.get("", [])
    for one in moved or _ends(subject):
        relation = cues.WRITTEN if moved else clause.cue.relation
        yield from (clause.claim(one, relation, other, True, stands.share) for other in left if not decided)
        yield from (clause.claim(one, relation, other, False, stands.share) for other in joined)


def _replace(clause: Clause) -> Iterator[Claim]:
    found = clause.names("with", "by", "for")
    old, new = found.get("", []), [name for link in ("with", "by", "for") for name in found.get(link, ())]
    before = arguments.subject(clause.tokens, clause.at, participle=False)
    passive = bool(before.between & words.BE) and not clause.cue.words[0].endswith("ing")
    linked = bool(new) and not passive
    if passive:
        old = before.mentions
    elif not new:
        new = before.mentions
    for one in new:
        yield from (clause.claim(one, cues.ALTERNATIVE, other, False, SWAPPED) for other in old)
    if linked and (who := clause.subject()) is not None and not who[1].ended:
        for one in _ends(who[0]):
            yield from (clause.claim(one, cues.USES, other, True, who[1].share) for other in old)
            yield from (clause.claim(one, cues.USES, other, False, who[1].share) for other in new)


def _make(clause: Clause) -> Iterator[Claim]:
    before = arguments.subject(clause.tokens, clause.at, participle=False)
    stands = standing(clause.tokens, clause.at, clause.cue, before)
    found = clause.names("from", *_MADE)
    made, means = found.get("", []), [name for link in _MADE for name in found.get(link, ())]
    if stands is None or (made and clause.cue.words[0] in _UNMADE):
        return
    for one in made:
        yield from (clause.claim(one, cues.WRITTEN, other, True, stands.share) for other in found.get("from", ()))
        yield from (clause.claim(one, cues.WRITTEN, other, stands.ended, stands.share) for other in means)
    if not made and (who := clause.subject()) is not None:
        for one in _ends(who[0]):
            yield from (clause.claim(one, cues.USES, other, who[1].ended, who[1].share) for other in means)


def _compare(clause: Clause) -> Iterator[Claim]:
    who, liked = clause.subject(), clause.names().get("", [])
    compared = clause.word(clause.last) in ("better", "more") and clause.word(clause.last + 1) == "than"
    if who is None or who[1].ended or not compared:
        return
    others = arguments.names(clause.tokens, clause.last + 2, ())[0].get("", [])
    for one in liked:
        yield from (clause.claim(end, cues.PREFERS, one, False, who[1].share) for end in _ends(who[0]))
        yield from (clause.claim(one, cues.ALTERNATIVE, other, False, who[1].share) for other in others)


def _listed(clause: Clause) -> Iterator[Claim]:
    replaced = clause.names().get("", [])
    at = clause.last
    while clause.word(at) in _LISTING:
        at += 1
    if not replaced or at == clause.last:
        return
    clause.end = at
    for one in clause.names().get("", ()):
        yield from (clause.claim(one, cues.ALTERNATIVE, other, False, 1.0) for other in replaced)


def _favourite(clause: Clause) -> Iterator[Claim]:
    if (owned := _owner(clause)) is None:
        return
    who, owner = owned
    stands = standing(clause.tokens, clause.at, clause.cue, Subject(owner))
    verb = next((at for at in range(clause.end, clause.end + 4) if clause.word(at) in words.BE), None)
    if verb is None:
        subject = arguments.subject(clause.tokens, owner, participle=False)
        found, negated = subject.mentions, bool(subject.between & words.NEGATION)
        found = found if subject.between & words.BE else []
    else:
        negated = clause.word(verb + 1) in words.NEGATION
        found = arguments.names(clause.tokens, verb + 1 + negated, ())[0].get("", [])
    if stands is not None:
        yield from (clause.claim(who, cues.PREFERS, one, negated, stands.share) for one in found)


def _owner(clause: Clause) -> tuple[int, int] | None:
    """Return whose favourite it is, and the place of the owner: `my all-time favourite`, `X's favourite`."""
    for at in range(clause.at - 1, max(clause.at - 4, -1), -1):
        if clause.word(at) in words.OWN:
            return SPEAKER, at
        if clause.word(at) == "'s" and at and clause.tokens[at - 1].mention >= 0:
            return clause.tokens[at - 1].mention, at - 1
    return None


FORMS: dict[Form, Callable[[Clause], Iterator[Claim]]] = {
    Form.FORWARD: _forward,
    Form.BACKWARD: _backward,
    Form.BETWEEN: _between,
    Form.MOVE: _move,
    Form.REPLACE: _replace,
    Form.MAKE: _make,
    Form.COMPARE: _compare,
    Form.LISTED: _listed,
    Form.FAVOURITE: _favourite,
}
"""The rule of each form."""
