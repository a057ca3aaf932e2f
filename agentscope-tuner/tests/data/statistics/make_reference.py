"""Writes reference.json: what SciPy and statsmodels say of some samples.

Run with the two packages installed: python make_reference.py > reference.json
"""

import json

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint

rng = np.random.default_rng(2026)


def sign_p(differences):
    """Exact two-sided sign permutation p."""
    result = stats.permutation_test(
        (np.array(differences),),
        np.mean,
        permutation_type="samples",
        alternative="two-sided",
        n_resamples=np.inf,
    )
    return float(result.pvalue)


def p_values(n):
    return [float(p) for p in rng.uniform(0, 0.2, n).round(4)]


def bootstrap_t(values):
    """Studentised bootstrap interval with many resamples, straight from its definition."""
    x = np.array(values)
    n = len(x)
    error = x.std(ddof=1) / np.sqrt(n)
    draws = x[rng.integers(0, n, (200_000, n))]
    errors = draws.std(axis=1, ddof=1) / np.sqrt(n)
    pivots = (draws.mean(axis=1) - x.mean()) / errors
    low, high = np.quantile(pivots, [0.025, 0.975])
    return [float(x.mean() - high * error), float(x.mean() - low * error)]


reference = {
    "made_by": {"scipy": scipy.__version__, "statsmodels": statsmodels.__version__},
    "mcnemar": [
        {"wins": w, "losses": l, "p": float(mcnemar([[5, w], [l, 7]], exact=True).pvalue)}
        for w, l in [(0, 5), (3, 9), (10, 10), (12, 31), (1, 0), (40, 80), (200, 150)]
    ],
    "sign_permutation": [
        {"differences": d, "p": sign_p(d)}
        for d in [[float(v) for v in rng.normal(m, 1, n).round(3)] for m, n in [(0.0, 8), (0.5, 10), (1.0, 12)]]
    ],
    "holm": [
        {"p": p, "adjusted": [float(a) for a in multipletests(p, method="holm")[1]]} for p in map(p_values, [1, 4, 9])
    ],
    "wilson": [
        {
            "successes": k,
            "n": n,
            "confidence": c,
            "interval": [float(end) for end in proportion_confint(k, n, alpha=1 - c, method="wilson")],
        }
        for k, n, c in [(0, 20, 0.95), (7, 20, 0.95), (90, 100, 0.99), (399, 400, 0.9)]
    ],
    "detectable": [
        {
            "deviation": s,
            "n": n,
            "level": a,
            "effect": float(
                s * NormalIndPower(ddof=0).solve_power(nobs1=n, alpha=a, power=0.8, ratio=0, alternative="two-sided")
            ),
        }
        for s, n, a in [(0.5, 100, 0.05), (1.0, 400, 0.01)]
    ],
    "bootstrap": [
        {"values": v, "interval": bootstrap_t(v)}
        for v in [
            [float(x) for x in rng.exponential(1, 25).round(3)],
            [float(x) for x in rng.uniform(0, 1, 60).round(3)],
        ]
    ],
}
print(json.dumps(reference, indent=1))
