"""The models of the corpus and what is planted about them: strength, speed, failures and prices."""

import math
from dataclasses import dataclass

SIDE_EFFECT = 0.35
"""What arguing against the motion adds to a debater's strength (log-odds): it has the last word."""


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `strength` is in log-odds of winning a debate (Bradley-Terry).

    `latency_ms` is the median and `latency_sigma` the log-normal spread; `failure_rate` is the share of the
    calls that fail; prices are US dollars per million tokens; `context_tokens` is the longest prompt.
    """

    provider: str
    name: str
    strength: float
    latency_ms: float
    latency_sigma: float
    failure_rate: float
    price_prompt: float
    price_completion: float
    context_tokens: int

    def cost(self, prompt: int, completion: int) -> float:
        """Return the price of one call in US dollars."""
        return round((prompt * self.price_prompt + completion * self.price_completion) / 1e6, 8)


MODELS = (
    Model("claude", "claude-sonnet", 1.6, 1150, 0.35, 0.010, 3.0, 15.0, 200_000),
    Model("gpt", "gpt-large", 1.15, 980, 0.45, 0.018, 2.5, 10.0, 128_000),
    Model("gemini", "gemini-pro", 0.7, 860, 0.40, 0.022, 1.25, 10.0, 1_000_000),
    Model("deepseek", "deepseek-chat", 0.3, 1900, 0.60, 0.045, 0.27, 1.1, 64_000),
    Model("qwen", "qwen-max", -0.1, 1400, 0.50, 0.035, 1.6, 6.4, 32_000),
    Model("claude", "claude-haiku", -0.6, 420, 0.30, 0.012, 0.8, 4.0, 200_000),
    Model("mistral", "mistral-large", -1.1, 760, 0.40, 0.060, 2.0, 6.0, 128_000),
    Model("gpt", "gpt-mini", -1.95, 350, 0.35, 0.015, 0.15, 0.6, 128_000),
)


def win_probability(pro: Model, con: Model) -> float:
    """Return the planted chance that `pro`, arguing for the motion, beats `con`, arguing against it."""
    return 1 / (1 + math.exp(-(pro.strength - con.strength - SIDE_EFFECT)))
