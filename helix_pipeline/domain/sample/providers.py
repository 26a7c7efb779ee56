"""The provider calls of the corpus: made in conversations and debates, with latencies, failures and costs."""

from datetime import datetime, timedelta
from random import Random

from helix_pipeline.contracts.events import ProviderCalled, stable_id
from helix_pipeline.domain.sample.chance import chance
from helix_pipeline.domain.sample.clock import after, working_moment
from helix_pipeline.domain.sample.conversations import ConversationPlan
from helix_pipeline.domain.sample.debates import DebatePlan
from helix_pipeline.domain.sample.models import MODELS, Model

ERROR_SHARES = {"rate_limit": 0.4, "timeout": 0.25, "server_error": 0.25, "context_length": 0.1}
TIMEOUT_MS = 60_000.0
INCIDENT_PROVIDER = "mistral"
INCIDENT_DAYS = (20, 27)
"""In this week, in days since the start of the corpus, the provider answers with server errors too often."""

INCIDENT_FAILURE_RATE = 0.4


def provider_call(
    seed: int, number: int, start: datetime, within: ConversationPlan | DebatePlan | None = None
) -> ProviderCalled:
    """Return call `number` (from 0), made in the conversation or debate `within` where one is given."""
    rng = chance(seed, "call", number)
    debate = within if isinstance(within, DebatePlan) else None
    conversation_id = debate.conversation_id if debate else within.id if within else None
    moment = after(rng, within.started, 600) if within else working_moment(rng, start)
    model = rng.choice(debate.debaters).model if debate else rng.choice(MODELS)
    error = _error(rng, model, moment - start)
    prompt, completion = _tokens(rng, model, error)
    request_id = f"req-{stable_id(seed, 'call', number)[:20]}"
    return ProviderCalled(
        event_id=stable_id("provider.called", request_id),
        timestamp=moment,
        request_id=request_id,
        conversation_id=conversation_id,
        debate_id=debate.id if debate else None,
        provider=model.provider,
        model=model.name,
        latency_ms=round(_latency_ms(rng, model, error), 1),
        tokens_prompt=prompt,
        tokens_completion=completion,
        success=error is None,
        error_type=error,
        cost=0.0 if error else model.cost(prompt, completion),
    )


def _error(rng: Random, model: Model, age: timedelta) -> str | None:
    incident = model.provider == INCIDENT_PROVIDER and INCIDENT_DAYS[0] <= age.days < INCIDENT_DAYS[1]
    if incident and rng.random() < INCIDENT_FAILURE_RATE:
        return "server_error"
    if rng.random() >= model.failure_rate:
        return None
    return rng.choices(list(ERROR_SHARES), list(ERROR_SHARES.values()))[0]


def _tokens(rng: Random, model: Model, error: str | None) -> tuple[int, int]:
    if error == "context_length":
        return model.context_tokens + rng.randint(1, 20_000), 0
    prompt = min(model.context_tokens, max(20, int(rng.lognormvariate(6.6, 0.9))))
    return prompt, 0 if error else max(1, int(rng.lognormvariate(5.4, 0.7)))


def _latency_ms(rng: Random, model: Model, error: str | None) -> float:
    answered = model.latency_ms * rng.lognormvariate(0, model.latency_sigma)
    match error:
        case "timeout":
            return TIMEOUT_MS
        case "rate_limit" | "context_length":
            return 30 + 0.1 * answered
    return answered
